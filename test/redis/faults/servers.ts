import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { bucketOf, tagOf } from '../../../packages/redis/src/tag.ts'
import { Cluster } from '../cluster.ts'
import { TcpProxy } from '../proxy.ts'
import { Server, type ServerOptions, startReplica } from '../servers.ts'
import { until } from '../until.ts'
import { ANSWER_WITHIN, Crowd, FALLBACK, SLACK, show } from './crowd.ts'
import { crowdOf, type Fault, type Setting } from './fault.ts'
import { now } from './observer.ts'
import { fair } from './quiet.ts'

// What happens to Redis, and to the connections with it.

/** Does something every so often while the crowd runs. */
function again(
  name: string,
  every: number,
  act: (server: Server) => Promise<unknown>,
  limiter: object = {},
): Fault {
  return {
    name,
    async run({ server, processes, seconds, own }) {
      const crowd = await crowdOf(processes, { redis: server.port, limiter }, own)
      const start = now()
      const end = start + seconds * 1000
      let times = 0
      while (now() < end) {
        await act(server)
        times++
        await sleep(every)
      }
      const figures = crowd.figures(start)
      crowd.neverOver()
      crowd.busy(0.2, start)
      fair(figures)
      await crowd.end()
      return { figures, note: `${times} times` }
    },
  }
}

export const scriptsFlushed: Fault = again('SCRIPT FLUSH every 50 ms', 50, (server) => server.flushScripts())
export const pushesKilled: Fault = again('CLIENT KILL TYPE pubsub every 50 ms', 50, (server) =>
  server.killClients('pubsub'),
)
export const pushesKilledLocalFirst: Fault = again(
  'the same, local-first',
  50,
  (server) => server.killClients('pubsub'),
  { mode: 'local-first' },
)
export const connectionsKilled: Fault = again('CLIENT KILL TYPE normal every 200 ms', 200, (server) =>
  server.killClients('normal'),
)
export const allKilled: Fault = again('both every 100 ms', 100, async (server) => {
  await server.killClients('pubsub')
  await server.killClients('normal')
})

/** Its user may not subscribe, so that no push is ever heard. */
export const neverTold: Fault = {
  name: 'no push is ever heard',
  async run({ kind, processes, seconds, own }) {
    const acl = ['user default on nopass ~* &* +@all -subscribe -psubscribe -ssubscribe']
    const server = own(await Server.start({ kind, acl }))
    const crowd = await crowdOf(processes, { redis: server.port, limiter: { lease: 3000 } }, own)
    const start = now()
    await crowd.run(seconds)
    const figures = crowd.figures(start)
    crowd.neverOver()
    // Each is told with its next request, after a fallback at most: 20 of 82 ms, if it went alone. With
    // heartbeats only it would be 20 of 1000.
    crowd.busy(0.15, start)
    fair(figures)
    await crowd.end()
    return { figures }
  },
}

/** Redis stops for longer than an answer may take. */
function hung(degraded: 'closed' | 'local', pause: number): Fault {
  return {
    name: `SIGSTOP of Redis for ${pause} ms, ${degraded}`,
    async run({ kind, processes, own }) {
      const server = own(await Server.start({ kind }))
      // So that everybody has a share.
      const limit = Math.max(4, processes)
      const crowd = await crowdOf(processes - 1, { redis: server.port, limiter: { degraded, limit } }, own)
      const others = [...crowd.members]
      const [late] = await crowd.add(1, { waits: true, hold: 60_000, contenders: 1 })
      assert.ok(late !== undefined)
      await crowd.heard(late, 'ready')
      // So that Redis is asked, and all know of each other.
      late.order({ kind: 'resize', limit })
      const start = now()
      await crowd.run(0.3)
      server.pause()
      const paused = now()
      late.order({ kind: 'begin' })
      await sleep(pause)
      const resumed = now()
      server.resume()
      await Promise.all(crowd.members.map((member) => crowd.heard(member, 'recovered', resumed)))
      await crowd.entered(others, now())
      const back = now()
      await crowd.run(0.7)
      const figures = crowd.figures(start)
      const refusals = crowd.logs.flatMap((log) => log.refusals)
      if (degraded === 'closed') {
        crowd.neverOver()
        assert.ok(refusals.length > 0, 'nobody was refused')
        // Whoever waits is asked for once in a fallback, and that request has to be answered.
        const most = FALLBACK + ANSWER_WITHIN + SLACK
        const late = Math.max(...refusals.map(({ asked, at }) => at - Math.max(asked, paused)))
        assert.ok(late < most, `refused after ${late} ms, not ${most}`)
        crowd.busy(0.4, back)
        await crowd.end()
        return { figures, note: `refused after ${late.toFixed(0)} ms at most; ${refusals.length} refusals` }
      }
      assert.deepEqual(refusals, [])
      const share = Math.floor(limit / processes)
      for (const { stays, events } of crowd.logs) {
        const down = events.find(({ name, at }) => name === 'degraded' && at > paused)?.at ?? Infinity
        const up = events.find(({ name, at }) => name === 'recovered' && at > down)?.at ?? Infinity
        for (const { from } of stays) {
          if (from <= down || from >= up) continue
          const others = stays.filter((stay) => stay.from < from && from < stay.to)
          assert.ok(others.length < share, `a process let in one more than its share of ${share}`)
        }
        const local = stays.filter(({ from, fence }) => from > down && from < up && fence === undefined)
        assert.ok(share === 0 || local.length > 0, 'a process let nobody in')
      }
      // What was held when Redis stopped is out by then, and there are only shares.
      const settled = paused + FALLBACK + ANSWER_WITHIN + 20 + SLACK
      crowd.neverOver(settled, resumed)
      // While they come back, some have their share before Redis knows of it.
      crowd.neverOver(back + 20 + SLACK)
      const during = crowd.occupancy(settled, resumed)
      crowd.busy(0.4, back)
      await crowd.end()
      const over = crowd.excesses().reduce((sum, { from, to }) => sum + to - from, 0)
      const note = `shares kept ${Math.round(100 * during)}% of the limit in use; ${over.toFixed(0)} ms over on the way in and out`
      return { figures, note }
    },
  }
}

export const hungClosed: Fault = hung('closed', 1000)
export const hungLocal: Fault = hung('local', 1200)

/**
 * Redis stops for longer than a lease, and those who have permits go on. It is not for the first that comes
 * back to take them: all who live are heard first.
 */
export const hungForLong: Fault = {
  name: 'SIGSTOP of Redis for longer than a lease, holders do not obey',
  async run({ kind, processes, own }) {
    const server = own(await Server.start({ kind }))
    const crowd = own(new Crowd({ redis: server.port }))
    const holders = await crowd.add(2, { hold: 4 * crowd.lease, contenders: 2, obeys: false })
    await crowd.holds(holders, crowd.limit)
    await crowd.add(Math.max(1, processes - 2))
    await crowd.waitsFor(4)
    const start = now()
    server.pause()
    await sleep(1.25 * crowd.lease)
    const resumed = now()
    server.resume()
    await crowd.entered(crowd.members.slice(2))
    await crowd.run(0.5)
    const figures = crowd.figures(start)
    const lost = crowd.logs.flatMap(({ events }) => events.filter(({ name }) => name === 'lost'))
    assert.equal(lost.length, 2)
    crowd.neverOver()
    await crowd.end()
    const first = Math.min(...crowd.stays.map(({ from }) => from).filter((from) => from > resumed))
    return { figures, note: `the next was let in ${(first - resumed).toFixed(0)} ms after Redis went on` }
  },
}

/** Half of the limit is in use by one process, from before until after; Redis is to hear of it before it gives. */
async function holdThrough(crowd: Crowd): Promise<void> {
  await crowd.holds(await crowd.add(1, { hold: 60_000, contenders: 2 }), 2)
}

/** SIGKILL of Redis, which starts again. */
function restarted(name: string, options: ServerOptions): Fault {
  return {
    name,
    async run({ kind, processes, own }) {
      const server = own(await Server.start({ kind, ...options }))
      const crowd = await crowdOf(processes - 1, { redis: server.port }, own)
      const others = [...crowd.members]
      await holdThrough(crowd)
      const start = now()
      await crowd.run(0.3)
      await server.kill()
      await sleep(300)
      await server.restart()
      const up = now()
      await crowd.entered(others, up)
      const back = now()
      await crowd.run(0.6)
      const figures = crowd.figures(start)
      crowd.neverOver()
      crowd.busy(0.4, back)
      await crowd.end()
      return { figures, note: `each process had a permit ${(back - up).toFixed(0)} ms after Redis was back` }
    },
  }
}

export const restartedWithData: Fault = restarted('kill and restart of Redis, with AOF', { appendOnly: true })
export const restartedEmpty: Fault = restarted('kill and restart of Redis, without', {})

export const flushed: Fault = {
  name: 'FLUSHALL',
  async run({ kind, processes, own }) {
    const server = own(await Server.start({ kind }))
    const crowd = await crowdOf(processes - 1, { redis: server.port }, own)
    const others = [...crowd.members]
    await holdThrough(crowd)
    const start = now()
    await crowd.run(0.3)
    await server.ask('FLUSHALL')
    const at = now()
    await sleep(50)
    await crowd.entered(others, now())
    const back = now()
    await crowd.run(0.6)
    const figures = crowd.figures(start)
    crowd.neverOver()
    crowd.busy(0.4, back)
    await crowd.end()
    return { figures, note: `each process had a permit after ${(back - at).toFixed(0)} ms` }
  },
}

/**
 * Who has never asked before cannot know that Redis has forgotten something: it is given what others have,
 * until these tell, which is with their next heartbeat.
 */
export const flushedForNewcomer: Fault = {
  name: 'FLUSHALL, and a newcomer comes first',
  async run({ server, own }) {
    // The shared server, since a young one makes whoever comes first learn; nobody else is on it now.
    const crowd = own(new Crowd({ redis: server.port }))
    const [holder] = await crowd.add(1, { hold: 60_000 })
    const [newcomer] = await crowd.add(1, { waits: true })
    assert.ok(holder !== undefined && newcomer !== undefined)
    await crowd.holds([holder], crowd.limit)
    await crowd.heard(newcomer, 'ready')
    const start = now()
    await server.ask('FLUSHALL')
    const at = now()
    newcomer.order({ kind: 'begin' })
    await crowd.run((2 * crowd.lease) / 1000)
    const figures = crowd.figures(start)
    const last = at + crowd.lease / 3 + 20 + SLACK
    crowd.neverOver(last)
    const all = crowd.excesses()
    assert.ok(
      all.every(({ by }) => by <= crowd.limit),
      show(all),
    )
    await crowd.end()
    return { figures, note: overIn(crowd, at) }
  },
}

export const promotedForNewcomer: Fault = {
  name: 'a stale replica takes over, and a newcomer comes first',
  async run({ kind, own }) {
    const primary = own(await Server.start({ kind }))
    const replica = own(await startReplica(primary))
    const front = own(await TcpProxy.start(primary.port))
    const crowd = own(new Crowd({ redis: front.port }))
    const [early] = await crowd.add(1)
    const [newcomer] = await crowd.add(1, { redis: replica.server.port, waits: true })
    assert.ok(early !== undefined && newcomer !== undefined)
    await crowd.entered([early])
    await early.leave()
    await crowd.heard(newcomer, 'ready')
    await replica.caughtUp()
    replica.link.hold()
    const [holder] = await crowd.add(1, { hold: 60_000 })
    assert.ok(holder !== undefined)
    await crowd.holds([holder], crowd.limit)
    const start = now()
    front.hold()
    await primary.kill()
    await replica.server.promote()
    newcomer.order({ kind: 'begin' })
    // So often that the revisions of the replica have passed all that the holder has seen.
    await until('the newcomer has entered often', () => newcomer.log.stays.length > 20)
    front.leadTo(replica.server.port)
    front.cut()
    front.resume()
    const up = now()
    await crowd.run((2 * crowd.lease) / 1000)
    const figures = crowd.figures(start)
    const all = crowd.excesses()
    const { stays } = holder.log
    const before = stays.filter(({ from }) => from < start)
    assert.ok(
      before.length === 4 && before.every(({ end }) => end === 'lost'),
      'its signals have not aborted',
    )
    assert.ok(all.length > 0, 'the newcomer was to be given what the replica did not know of')
    assert.ok(
      all.every(({ by }) => by <= crowd.limit),
      show(all),
    )
    crowd.neverOver(up + crowd.lease / 3 + 20 + SLACK)
    await crowd.end(replica.server.port)
    const fence = Math.max(...before.map((stay) => stay.fence ?? 0))
    const lower = newcomer.log.stays.filter((stay) => (stay.fence ?? 0) <= fence).length
    return { figures, note: `${overIn(crowd, up)}; ${lower} of the newcomer's fences were not higher` }
  },
}

function overIn(crowd: Crowd, since: number): string {
  const all = crowd.excesses()
  const over = all.reduce((sum, { from, to }) => sum + to - from, 0)
  const last = Math.max(...all.map(({ to }) => to)) - since
  return all.length === 0 ? '0 ms over' : `${over.toFixed(0)} ms over, until ${last.toFixed(0)} ms after`
}

/** The primary dies, and its replica takes its place. */
function promoted(stale: boolean): Fault {
  return {
    name: `a ${stale ? 'stale' : 'caught-up'} replica takes over`,
    async run({ kind, processes, own }) {
      const primary = own(await Server.start({ kind }))
      const replica = own(await startReplica(primary))
      const front = own(await TcpProxy.start(primary.port))
      const crowd = await crowdOf(processes, { redis: front.port }, own)
      const start = now()
      await crowd.run(0.3)
      if (stale) {
        replica.link.hold()
        await sleep(300)
      } else {
        await primary.ask('CLIENT', 'PAUSE', 10_000, 'WRITE')
        await replica.caughtUp()
      }
      await primary.kill()
      await replica.server.promote()
      front.leadTo(replica.server.port)
      front.cut()
      const up = now()
      await crowd.entered(crowd.members, up)
      const back = now()
      await crowd.run(0.6)
      const figures = crowd.figures(start)
      const all = crowd.excesses()
      const over = all.reduce((sum, { from, to }) => sum + to - from, 0)
      if (stale) staleBound(crowd, up)
      else crowd.neverOver()
      crowd.busy(0.4, back)
      await crowd.end()
      const served = `each process had a permit after ${(back - up).toFixed(0)} ms`
      return { figures, note: stale ? `${over.toFixed(0)} ms over; ${served}` : served }
    },
  }
}

/**
 * A server that has forgotten some of what it had granted may grant it again, until those who have it have
 * told, which is with their next heartbeat, and until the excess is out.
 */
function staleBound(crowd: Crowd, up: number): void {
  crowd.neverOver(0, up)
  crowd.neverOver(up + crowd.lease / 3 + 20 + SLACK)
  const all = crowd.excesses()
  assert.ok(
    all.every(({ by }) => by <= crowd.limit),
    show(all),
  )
}

export const promotedInStep: Fault = promoted(false)
export const promotedStale: Fault = promoted(true)

export const clusterFailover: Fault = {
  name: 'failover in a cluster, per key',
  async run({ kind, processes, own }: Setting) {
    const cluster = own(await Cluster.start({ kind, replicas: 1 }))
    const keys = ['a', 'b', 'c', 'd']
    const crowd = await crowdOf(
      processes,
      { redis: cluster.roots, keys, contenders: 8, limiter: { perKey: true, limit: 2, lease: 1000 } },
      own,
    )
    const start = now()
    await crowd.run(0.5)
    const tag = tagOf({ namespace: 'lineclear', name: crowd.name, perKey: true }, bucketOf('a', 16))
    const node = await cluster.masterOf(tag)
    const failed = now()
    await cluster.failOver(node)
    const up = now()
    await crowd.entered(crowd.members, up)
    for (const key of keys) await crowd.enteredKey(key, up)
    const back = now()
    await crowd.run(0.6)
    const figures = crowd.figures(start)
    crowd.neverOver(0, failed)
    crowd.neverOver(up + crowd.lease / 3 + 20 + SLACK)
    const all = crowd.excesses()
    assert.ok(
      all.every(({ by }) => by <= crowd.limit),
      show(all),
    )
    crowd.busy(0.3, back)
    await crowd.end()
    const over = all.reduce((sum, { from, to }) => sum + to - from, 0)
    const note = `${over.toFixed(0)} ms over; failover took ${(up - failed).toFixed(0)} ms, the first permit of each key ${(back - up).toFixed(0)} ms more`
    return { figures, note }
  },
}
