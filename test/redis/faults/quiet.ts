import assert from 'node:assert/strict'
import { Crowd, type Figures, percent, SLACK } from './crowd.ts'
import { crowdOf, type Fault } from './fault.ts'
import { excesses, now, reached } from './observer.ts'

// What happens to nobody's harm: nothing, heavy permits, another limit, a process that leaves.

/** In a fair queue each process gets the mean, but for those that start later and the luck of the machine. */
export function fair({ leastShare }: Figures): void {
  assert.ok(leastShare > 1 / 3, `one process got ${percent(leastShare)} of the mean`)
}

export const none: Fault = {
  name: 'nothing',
  async run({ server, processes, seconds, own }) {
    const crowd = await crowdOf(processes, { redis: server.port }, own)
    const start = now()
    await crowd.run(seconds)
    const figures = crowd.figures(start)
    crowd.neverOver()
    crowd.busy(0.4, start)
    fair(figures)
    await crowd.end()
    return { figures }
  },
}

export const nodeRedis: Fault = {
  name: 'nothing, with node-redis',
  async run({ server, processes, seconds, own }) {
    const crowd = await crowdOf(processes, { redis: server.port, client: 'node-redis' }, own)
    const start = now()
    await crowd.run(seconds)
    const figures = crowd.figures(start)
    crowd.neverOver()
    crowd.busy(0.4, start)
    fair(figures)
    await crowd.end()
    return { figures }
  },
}

export const weights: Fault = {
  name: 'weights of 1 to 3',
  async run({ server, processes, seconds, own }) {
    const crowd = await crowdOf(processes, { redis: server.port, weights: [1, 3, 1, 2] }, own)
    const start = now()
    await crowd.run(seconds)
    const figures = crowd.figures(start)
    crowd.neverOver()
    // A heavy one at the head holds back those behind until it fits.
    crowd.busy(0.4, start)
    const heavy = crowd.stays.filter(({ weight, from }) => weight === 3 && from >= start).length
    assert.ok(heavy > figures.permits / 12, `${heavy} of ${figures.permits} permits were of weight 3`)
    await crowd.end()
    return { figures, note: `${heavy} of weight 3, which a quarter asks for` }
  },
}

export const localFirst: Fault = {
  name: 'local-first, all contend',
  async run({ server, processes, seconds, own }) {
    const crowd = await crowdOf(processes, { redis: server.port, limiter: { mode: 'local-first' } }, own)
    const start = now()
    await crowd.run(seconds)
    const figures = crowd.figures(start)
    crowd.neverOver()
    crowd.busy(0.4, start)
    fair(figures)
    await crowd.end()
    return { figures, note: `the least got ${percent(figures.leastShare)} of the mean` }
  },
}

export const fullQueue: Fault = {
  name: 'a queue of 3, which is full',
  async run({ server, processes, seconds, own }) {
    const crowd = own(new Crowd({ redis: server.port, limiter: { queue: 3 } }))
    // Not all enter: whoever is refused has no place, and whoever releases asks again in the same request.
    await crowd.add(processes)
    await crowd.enteredKey('', 0)
    const start = now()
    let longest = 0
    while (now() < start + seconds * 1000) longest = Math.max(longest, await crowd.waiting())
    const figures = crowd.figures(start)
    crowd.neverOver()
    crowd.busy(0.4, start)
    const refusals = crowd.logs.flatMap((log) => log.refusals.filter(({ reason }) => reason === 'full'))
    assert.ok(refusals.length > 0, 'nobody was refused')
    assert.ok(longest <= 3, `${longest} waited`)
    await crowd.end()
    return { figures, note: `${refusals.length} were refused` }
  },
}

export const resized: Fault = {
  name: 'the limit raised and lowered live',
  async run({ server, processes, seconds, own }) {
    const crowd = await crowdOf(processes, { redis: server.port }, own)
    const [one] = crowd.members
    const resize = async (limit: number) => {
      const asked = now()
      one?.order({ kind: 'resize', limit })
      await crowd.knows(limit)
      return asked
    }
    const start = now()
    const raised = await resize(8)
    await crowd.run(seconds / 2)
    await resize(2)
    // Who has a permit keeps it, also one that is on its way.
    const lowered = now() + 20 + SLACK
    await crowd.run(SLACK / 1000 + seconds / 2)
    const figures = crowd.figures(start, now(), 8)
    const { stays } = crowd
    assert.deepEqual(excesses(stays, 4, 0, raised), [])
    assert.deepEqual(excesses(stays, 8), [])
    assert.deepEqual(excesses(stays, 2, lowered), [])
    assert.ok(reached(stays, 8, raised, '') !== undefined, 'all 8 were never in use')
    const share = crowd.occupancy(lowered, now()) * 2
    assert.ok(share > 0.4, `only ${percent(share)} of the lowered limit was in use`)
    return { figures, note: 'from 4 to 8 to 2, by one process' }
  },
}

export const left: Fault = {
  name: 'a process leaves, after it has had all for two leases',
  async run({ server, own }) {
    const crowd = await crowdOf(0, { redis: server.port }, own)
    const [leaver] = await crowd.add(1, { hold: 60_000 })
    await crowd.holds(crowd.members, crowd.limit)
    await crowd.add(1, { hold: 60_000 })
    const start = now()
    assert.ok(leaver !== undefined)
    await crowd.waitsFor(crowd.limit)
    // Its heartbeats keep what it has.
    await crowd.run((2 * crowd.lease) / 1000)
    assert.deepEqual(
      leaver.log.events.filter(({ name }) => name === 'lost'),
      [],
    )
    await leaver.leave()
    await crowd.holds(crowd.members, crowd.limit)
    const { stays } = crowd
    const gone = Math.max(...stays.filter(({ process }) => process === leaver.name).map(({ to }) => to))
    const took = (reached(stays, crowd.limit, start, leaver.name) ?? Infinity) - gone
    crowd.neverOver()
    // A place that is not given back would be free when the lease has ended.
    assert.ok(took < crowd.lease / 2, `its permits were in use again after ${took} ms`)
    const figures = crowd.figures(start)
    await crowd.end()
    return { figures, note: `all of its permits in use again after ${took.toFixed(1)} ms` }
  },
}
