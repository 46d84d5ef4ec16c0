import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { TcpProxy } from '../proxy.ts'
import { FALLBACK, LEASE, SLACK, show } from './crowd.ts'
import { crowdOf, type Fault } from './fault.ts'
import { excesses, now, reached } from './observer.ts'

// What happens to the processes of the crowd.

export const killed: Fault = {
  name: 'SIGKILL of any process, again and again',
  async run({ server, processes, seconds, own }) {
    const crowd = await crowdOf(processes, { redis: server.port }, own)
    const start = now()
    const end = start + seconds * 1000
    let kills = 0
    while (now() < end) {
      const { living } = crowd
      living[kills++ % living.length]?.kill()
      await crowd.add(1)
      await sleep(2.5 * crowd.lease)
    }
    const figures = crowd.figures(start)
    crowd.neverOver()
    // Whoever is killed takes along, for the rest of its lease, what it had and what it was in line for, which
    // is all. So two of five parts are lost.
    crowd.busy(0.3, start)
    await crowd.end()
    return { figures, note: `${kills} killed` }
  },
}

export const holderKilled: Fault = {
  name: 'SIGKILL of the holder of all',
  async run({ server, processes, own }) {
    const crowd = await crowdOf(0, { redis: server.port }, own)
    const [holder] = await crowd.add(1, { hold: 60_000 })
    await crowd.holds(crowd.members, crowd.limit)
    const others = await crowd.add(processes - 1, { hold: 60_000 })
    await crowd.waitsFor(4 * others.length)
    const start = now()
    const at = holder?.kill() as number
    await crowd.holds(others, crowd.limit)
    const took = (reached(crowd.stays, crowd.limit, at, holder?.name as string) ?? Infinity) - at
    crowd.neverOver()
    const most = crowd.lease + FALLBACK + SLACK
    assert.ok(took <= most, `its permits were in use again after ${took} ms, not ${most}`)
    const figures = crowd.figures(start)
    await crowd.end()
    return {
      figures,
      note: `all in use again after ${took.toFixed(0)} ms, with a lease of ${crowd.lease} ms`,
    }
  },
}

export const waitersKilled: Fault = {
  name: 'SIGKILL of the first in line',
  async run({ server, processes, own }) {
    const crowd = await crowdOf(0, { redis: server.port }, own)
    const [holder] = await crowd.add(1, { hold: 60_000 })
    await crowd.holds(crowd.members, crowd.limit)
    const [first] = await crowd.add(1)
    await crowd.waitsFor(4)
    const others = await crowd.add(Math.max(1, processes - 2), { hold: 60_000 })
    await crowd.waitsFor(4 + 4 * others.length)
    assert.ok(first !== undefined && holder !== undefined)
    const start = now()
    const at = first.kill()
    // What comes back now is given to those who are no more.
    await holder.leave()
    await crowd.holds(others, crowd.limit)
    const took = (reached(crowd.stays, crowd.limit, at, holder.name) ?? Infinity) - at
    crowd.neverOver()
    const most = crowd.lease + FALLBACK + SLACK
    assert.ok(took <= most, `the permits were in use again after ${took} ms, not ${most}`)
    const figures = crowd.figures(start)
    await crowd.end()
    return {
      figures,
      note: `all in use again after ${took.toFixed(0)} ms, with a lease of ${crowd.lease} ms`,
    }
  },
}

export const pausedShortly: Fault = {
  name: 'SIGSTOP of holders for half a lease',
  async run({ server, processes, own }) {
    const lease = 1600
    const crowd = await crowdOf(processes, { redis: server.port, limiter: { lease } }, own)
    const start = now()
    for (const member of crowd.members.slice(0, 2)) {
      member.pause()
      await sleep(lease / 2)
      member.resume()
      await crowd.entered([member], now())
      await sleep(lease / 4)
    }
    const figures = crowd.figures(start)
    crowd.neverOver()
    const lost = crowd.logs.flatMap(({ events }) => events.filter(({ name }) => name === 'lost'))
    assert.deepEqual(lost, [])
    assert.ok(crowd.stays.every(({ end }) => end !== 'lost'))
    await crowd.end()
    return { figures, note: 'nothing was lost' }
  },
}

/** In ms, one way. */
const SLOW = 100

/** A process with two permits sleeps for two leases; others get them when the first has ended. */
function pausedForLong(obeys: boolean): Fault {
  return {
    name: `SIGSTOP of a holder for two leases, ${obeys ? 'which obeys' : 'which does not obey'}`,
    async run({ server, processes, own }) {
      const crowd = await crowdOf(processes - 1, { redis: server.port }, own)
      const [sleeper] = await crowd.add(1, { hold: obeys ? 60_000 : 3 * crowd.lease, contenders: 2, obeys })
      assert.ok(sleeper !== undefined)
      await crowd.holds([sleeper], 2)
      const start = now()
      const paused = sleeper.pause()
      await sleep(2 * crowd.lease)
      const resumed = sleeper.resume()
      await crowd.heard(sleeper, 'lost', paused)
      if (obeys) await crowd.entered([sleeper], resumed)
      await crowd.run(0.6)
      const end = now()
      const figures = crowd.figures(start)
      const { stays } = crowd
      const lost = sleeper.log.events.find(({ name, at }) => name === 'lost' && at > paused)
      assert.equal(lost?.value, 2)
      const its = sleeper.log.stays.filter(({ from }) => from < paused)
      const heard = Math.max(...its.map(({ to }) => to))
      const all = excesses(stays, crowd.limit)
      // Without it, never: those who were given its permits are themselves within the limit.
      const others = stays.filter(
        (stay) => !its.some(({ from, process }) => stay.from === from && stay.process === process),
      )
      assert.deepEqual(excesses(others, crowd.limit), [])
      // So the resource behind could tell.
      const fence = Math.max(...its.map((stay) => stay.fence ?? 0))
      const later = stays.filter(({ from }) => from > paused + crowd.lease)
      assert.ok(later.length > 0 && later.every((stay) => (stay.fence ?? 0) > fence))
      assert.ok(
        all.every(({ by }) => by <= 2),
        `over by more than it held: ${show(all)}`,
      )
      const fromLease = paused + crowd.lease - crowd.lease / 3 - SLACK
      assert.ok(
        all.every(({ from }) => from > fromLease),
        `over the limit too soon: ${show(all)}`,
      )
      const since = Math.max(...all.map(({ to }) => to)) - resumed
      if (obeys) {
        assert.ok(
          its.length === 2 && its.every((stay) => stay.end === 'lost'),
          'its signals have not aborted',
        )
        const late = heard - resumed
        assert.ok(late < SLACK, `it stopped ${late} ms after it went on`)
        crowd.neverOver(heard)
      } else {
        // It counts again when it is back: no more is given out, so it is over when those who have some are out.
        assert.ok(since < 20 + SLACK, `still over the limit ${since} ms after it went on: ${show(all)}`)
        crowd.neverOver(resumed + 20 + SLACK, end)
      }
      crowd.busy(0.4, start, end)
      await crowd.end()
      const over = all.reduce((sum, each) => sum + each.to - each.from, 0)
      return {
        figures,
        note: `${over.toFixed(0)} ms over, the last of it ${since.toFixed(1)} ms after it went on`,
      }
    },
  }
}

export const pausedObeys: Fault = pausedForLong(true)
export const pausedDisobeys: Fault = pausedForLong(false)

/**
 * A black hole between one process and Redis, after a connection so slow that the answer comes much later than
 * the lease begins.
 */
function cutOff(obeys: boolean): Fault {
  return {
    name: `a process cut off from Redis, which ${obeys ? 'obeys' : 'does not obey'}`,
    async run({ server, processes, own }) {
      const proxy = own(await TcpProxy.start(server.port))
      proxy.delay(SLOW)
      const limiter = { answerWithin: LEASE / 2 }
      const crowd = await crowdOf(processes - 1, { redis: server.port, limiter }, own)
      const [far] = await crowd.add(1, { redis: proxy.port, hold: 60_000, contenders: 2, obeys })
      assert.ok(far !== undefined)
      await crowd.holds([far], 2)
      const start = now()
      proxy.hold()
      await crowd.heard(far, 'lost', start)
      await crowd.run((2 * crowd.lease) / 1000)
      const whole = reached(crowd.stays, crowd.limit, start, far.name)
      const ended = now()
      proxy.resume()
      const back = await crowd.heard(far, 'recovered', ended)
      if (obeys) await crowd.entered([far], back)
      await crowd.run(0.5)
      const figures = crowd.figures(start)
      const took = (whole ?? Infinity) - start
      const most = crowd.lease + FALLBACK + SLACK
      assert.ok(took <= most, `others had its permits after ${took} ms, not ${most}`)
      const its = far.log.stays.filter(({ from }) => from < start)
      if (obeys) {
        assert.ok(
          its.length === 2 && its.every((stay) => stay.end === 'lost'),
          'its signals have not aborted',
        )
        crowd.neverOver()
      } else {
        const all = crowd.excesses()
        assert.ok(
          all.every(({ by, processes }) => by <= 2 && processes.includes(far.name)),
          show(all),
        )
        crowd.neverOver(back + 20 + SLACK)
      }
      await crowd.end()
      return { figures, note: `others had its permits after ${took.toFixed(0)} ms` }
    },
  }
}

export const cutOffObeys: Fault = cutOff(true)
export const cutOffDisobeys: Fault = cutOff(false)
