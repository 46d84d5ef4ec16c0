import { getEventListeners } from 'node:events'
import { type AcquireRequest, type Clock, type Limiter, type Outcome, type Queue, run } from '@lineclear/core'
import { describe, expect, test, vi } from 'vitest'
import { badRequests, noRequests } from './core/bad-requests.ts'
import {
  ask,
  askTimes,
  countFree,
  flush,
  noteOrder,
  outcomes,
  take,
  thrownBy,
  VirtualClock,
} from './core/helpers.ts'

/** How the contract asks for a limiter. A number for `queue` means first come, first served. */
export type MakeLimiter = (
  permits: number,
  options?: { queue?: number | Queue; timeout?: number; clock?: Clock },
) => Limiter

/** What every Limiter does, whatever it is. Tests that depend on an order ask for a queue. */
export function limiterContract(name: string, make: MakeLimiter): void {
  describe(name, () => {
    describe('tryAcquire', () => {
      test('gives a permit while one is free, and nothing when none is', () => {
        const limiter = make(2)
        expect(limiter.tryAcquire()).toBeDefined()
        expect(limiter.tryAcquire()).toBeDefined()
        expect(limiter.tryAcquire()).toBeUndefined()
      })

      test('that gave nothing leaves nobody in the queue', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        expect(limiter.tryAcquire({ timeout: 1000 })).toBeUndefined()
        permit.release()
        await flush()
        expect(countFree(limiter)).toBe(1)
      })

      test('gives nothing for an aborted signal, even when a permit is free', () => {
        const limiter = make(1)
        expect(limiter.tryAcquire({ signal: AbortSignal.abort() })).toBeUndefined()
        expect(countFree(limiter)).toBe(1)
      })

      test('does not take the permit that was just handed to a waiter', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        const waiter = ask(limiter)
        permit.release()
        expect(limiter.tryAcquire()).toBeUndefined()
        expect(await waiter.settled).toBe('permit')
      })

      test('does not overtake a heavy waiter that a light permit would not serve', async () => {
        const limiter = make(2)
        const permit = take(limiter)
        const heavy = ask(limiter, { weight: 2 })
        await flush()
        expect(limiter.tryAcquire()).toBeUndefined()
        permit.release()
        expect(await heavy.settled).toBe('permit')
      })

      test('gives nothing for a weight that does not fit now', () => {
        const limiter = make(2)
        take(limiter)
        expect(limiter.tryAcquire({ weight: 2 })).toBeUndefined()
        expect(countFree(limiter)).toBe(1)
      })
    })

    describe('acquire', () => {
      test('gives a permit at once when one is free', async () => {
        const limiter = make(1)
        expect(await ask(limiter).settled).toBe('permit')
        expect(limiter.tryAcquire()).toBeUndefined()
      })

      test('waits until a permit is released', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        const waiter = ask(limiter)
        await flush()
        expect(waiter.outcome).toBe('pending')
        permit.release()
        expect(await waiter.settled).toBe('permit')
      })

      test('serves waiters in the order they came', async () => {
        const limiter = make(1, { queue: 10 })
        const permit = take(limiter)
        const log: unknown[] = []
        const waiters = [1, 2, 3].map((name) => noteOrder(limiter, log, name))
        permit.release()
        for (const waiter of waiters) {
          await waiter.settled
          waiter.release()
        }
        expect(log).toEqual([1, 2, 3])
        expect(countFree(limiter)).toBe(1)
      })

      test('serves exactly one waiter for one release', async () => {
        const limiter = make(1, { queue: 10 })
        const permit = take(limiter)
        const [first, second] = [ask(limiter), ask(limiter)]
        permit.release()
        expect(await first.settled).toBe('permit')
        await flush()
        expect(second.outcome).toBe('pending')
      })

      test('lets nobody slip in between a release and the waiter it was for', async () => {
        const limiter = make(1, { queue: 10 })
        const permit = take(limiter)
        const log: unknown[] = []
        const waiter = noteOrder(limiter, log, 'waiter')
        permit.release()
        const newcomer = noteOrder(limiter, log, 'newcomer')
        await waiter.settled
        waiter.release()
        await newcomer.settled
        expect(log).toEqual(['waiter', 'newcomer'])
      })

      test('reads the request during the call only', async () => {
        const clock = new VirtualClock()
        const limiter = make(2, { clock })
        const permit = take(limiter, { weight: 2 })
        const controller = new AbortController()
        const request: AcquireRequest = { weight: 1 }
        const waiter = ask(limiter, request)
        Object.assign(request, { weight: 2, timeout: 1, signal: controller.signal })
        controller.abort()
        clock.advance(10)
        permit.release()
        expect(await waiter.settled).toBe('permit')
        expect(countFree(limiter)).toBe(1)
      })
    })

    describe('refuse, where there is one', () => {
      /** What it says, and what acquire does, which is to be the same where it says anything. */
      async function reasons(limiter: Limiter, request?: AcquireRequest): Promise<unknown> {
        if (limiter.refuse === undefined) return undefined
        const told = limiter.refuse(request)
        const asked = ask(limiter, request)
        await flush()
        if (told !== undefined) expect(asked.outcome).toBe(told.reason)
        if (asked.outcome === 'permit') asked.release()
        return told?.reason
      }

      test('says nothing while a permit is free, nor where one may wait', async () => {
        const limiter = make(1, { queue: 1 })
        expect(await reasons(limiter)).toBeUndefined()
        take(limiter)
        expect(await reasons(limiter)).toBeUndefined()
      })

      test('says what acquire says where nobody may wait, the queue is full, or time is up', async () => {
        const [none, full] = [make(1, { queue: 0 }), make(1, { queue: 1 })]
        const told: unknown[] = []
        for (const limiter of [none, full]) {
          const permit = take(limiter)
          if (limiter === full) ask(limiter)
          told.push(await reasons(limiter), await reasons(limiter, { timeout: 0 }))
          permit.release()
        }
        // One of several may leave it to acquire, or know of one of both.
        for (const reason of told) expect(['full', 'timeout', undefined]).toContain(reason)
      })

      test('says nothing where a permit just handed on leaves another free', async () => {
        const limiter = make(2, { queue: 1 })
        const permits = [take(limiter), take(limiter)]
        const waiter = ask(limiter)
        for (const permit of permits) permit.release()
        expect(await reasons(limiter)).toBeUndefined()
        expect(await waiter.settled).toBe('permit')
      })

      test('leaves an aborted signal to acquire', async () => {
        const limiter = make(1, { queue: 0 })
        take(limiter)
        expect(await reasons(limiter, { signal: AbortSignal.abort() })).toBeUndefined()
      })

      test('takes nothing and leaves nothing', () => {
        const limiter = make(2, { queue: 0 })
        const permit = take(limiter, { weight: 2 })
        limiter.refuse?.()
        limiter.refuse?.({ weight: 2 })
        permit.release()
        expect(countFree(limiter)).toBe(2)
      })
    })

    describe('a permit', () => {
      test('is given back once, however often it is released', () => {
        const limiter = make(2)
        const permit = take(limiter)
        take(limiter)
        permit.release()
        permit.release()
        expect(countFree(limiter)).toBe(1)
      })

      test('released again after another caller got it does not free that one', () => {
        const limiter = make(1)
        const permit = take(limiter)
        permit.release()
        take(limiter)
        permit.release()
        expect(countFree(limiter)).toBe(0)
      })

      test('released twice serves one waiter', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        const waiters = askTimes(2, limiter)
        permit.release()
        permit.release()
        await Promise.race(waiters.map(({ settled }) => settled))
        await flush()
        expect(outcomes(waiters).sort()).toEqual(['pending', 'permit'])
      })

      test('is given back by Symbol.dispose, as at the end of a using block', () => {
        const limiter = make(1)
        const permit = take(limiter)
        permit[Symbol.dispose]()
        expect(countFree(limiter)).toBe(1)
      })

      test('released inside a using block is not given back again at its end', () => {
        const limiter = make(2)
        const permit = take(limiter)
        take(limiter)
        permit.release()
        permit[Symbol.dispose]()
        expect(countFree(limiter)).toBe(1)
      })

      const ends: Outcome[] = ['success', 'dropped', 'ignored']
      test.each(ends)('is given back whatever became of the work: %s', (outcome) => {
        const limiter = make(1)
        take(limiter).release(outcome)
        expect(countFree(limiter)).toBe(1)
      })
    })

    describe('an abort', () => {
      const reasons = [undefined, null, 'a string', { any: 'object' }, new Error('an error')]

      test.each(reasons)('before the call loses, even when a permit is free: %s', async (reason) => {
        const limiter = make(1)
        const signal = AbortSignal.abort(reason)
        expect(await ask(limiter, { signal }).settled).toBe(signal.reason)
        expect(countFree(limiter)).toBe(1)
      })

      test.each(reasons)('rejects a waiter with the reason of its signal, unchanged: %s', async (reason) => {
        const limiter = make(1)
        const permit = take(limiter)
        const controller = new AbortController()
        const waiter = ask(limiter, { signal: controller.signal })
        controller.abort(reason)
        expect(await waiter.settled).toBe(controller.signal.reason)
        permit.release()
        await flush()
        expect(countFree(limiter)).toBe(1)
      })

      test('after the hand-over but before the waiter runs still rejects it', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        const controller = new AbortController()
        const reason = new Error('left')
        const waiter = ask(limiter, { signal: controller.signal })
        permit.release()
        controller.abort(reason)
        expect(await waiter.settled).toBe(reason)
        expect(countFree(limiter)).toBe(1)
      })

      test('of a signal that others listen to as well rejects waiting and granted alike', async () => {
        for (const granted of [false, true]) {
          const limiter = make(1)
          const permit = take(limiter)
          const controller = new AbortController()
          const noted: string[] = []
          for (const name of ['once', 'again'])
            controller.signal.addEventListener('abort', () => noted.push(name))
          const waiter = ask(limiter, { signal: controller.signal })
          controller.signal.addEventListener('abort', () => noted.push('later'))
          if (granted) permit.release()
          controller.abort()
          expect(await waiter.settled).toBe(controller.signal.reason)
          expect(noted).toEqual(['once', 'again', 'later'])
          if (!granted) permit.release()
          expect(countFree(limiter)).toBe(1)
        }
      })

      test('after the hand-over moves the permit on to the next waiter', async () => {
        const limiter = make(1, { queue: 10 })
        const permit = take(limiter)
        const controller = new AbortController()
        ask(limiter, { signal: controller.signal })
        const next = ask(limiter)
        permit.release()
        controller.abort()
        expect(await next.settled).toBe('permit')
      })

      test('by the first to run is in time for the next, handed a permit in the same turn', async () => {
        const limiter = make(2, { queue: 10 })
        const permits = [take(limiter), take(limiter)]
        const controller = new AbortController()
        const reason = new Error('not needed any more')
        const first = limiter.acquire().then((permit) => {
          controller.abort(reason)
          permit.release()
        })
        const second = ask(limiter, { signal: controller.signal })
        for (const permit of permits) permit.release()
        await first
        expect(await second.settled).toBe(reason)
        expect(countFree(limiter)).toBe(2)
      })

      test('of one that came in behind a woken waiter rejects it too, if neither has run', async () => {
        const limiter = make(2, { queue: 10 })
        const permits = [take(limiter), take(limiter)]
        const woken = ask(limiter)
        for (const permit of permits) permit.release()
        const controller = new AbortController()
        const behind = ask(limiter, { signal: controller.signal })
        controller.abort()
        expect(await behind.settled).toBe(controller.signal.reason)
        expect(await woken.settled).toBe('permit')
        expect(countFree(limiter)).toBe(1)
      })

      test('of the head lets the next go in its place', async () => {
        const limiter = make(1, { queue: 10 })
        const permit = take(limiter)
        const controller = new AbortController()
        ask(limiter, { signal: controller.signal })
        const next = ask(limiter)
        controller.abort()
        permit.release()
        expect(await next.settled).toBe('permit')
      })

      test('leaves its place in the queue to another', async () => {
        const limiter = make(1, { queue: 1 })
        const permit = take(limiter)
        const controller = new AbortController()
        const leaver = ask(limiter, { signal: controller.signal })
        controller.abort()
        await leaver.settled
        const other = ask(limiter)
        permit.release()
        expect(await other.settled).toBe('permit')
      })

      test('of a signal that many share rejects them all and nobody else', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        const controller = new AbortController()
        const reason = new Error('all of you')
        const sharing = askTimes(3, limiter, { signal: controller.signal })
        const other = ask(limiter)
        controller.abort(reason)
        expect(await Promise.all(sharing.map(({ settled }) => settled))).toEqual([reason, reason, reason])
        permit.release()
        expect(await other.settled).toBe('permit')
      })

      test('after the waiter got its permit takes nothing back', async () => {
        const limiter = make(1)
        const controller = new AbortController()
        const holder = ask(limiter, { signal: controller.signal })
        await holder.settled
        controller.abort()
        await flush()
        expect(holder.outcome).toBe('permit')
        expect(countFree(limiter)).toBe(0)
        holder.release()
        expect(countFree(limiter)).toBe(1)
      })

      test('after the release does nothing', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        const controller = new AbortController()
        const waiter = ask(limiter, { signal: controller.signal })
        permit.release()
        await waiter.settled
        waiter.release()
        controller.abort()
        await flush()
        expect(countFree(limiter)).toBe(1)
      })

      test('leaves no listener behind, nor does a wait that ended otherwise', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        const [leaving, staying] = [new AbortController(), new AbortController()]
        const leaver = ask(limiter, { signal: leaving.signal })
        const waiter = ask(limiter, { signal: staying.signal })
        leaving.abort()
        permit.release()
        await Promise.all([leaver.settled, waiter.settled])
        expect(getEventListeners(leaving.signal, 'abort')).toEqual([])
        expect(getEventListeners(staying.signal, 'abort')).toEqual([])
      })
    })

    describe('a time-out', () => {
      test('rejects a waiter when its time is up, and not before', async () => {
        const clock = new VirtualClock()
        const limiter = make(1, { clock })
        take(limiter)
        const waiter = ask(limiter, { timeout: 100 })
        clock.advance(99)
        await flush()
        expect(waiter.outcome).toBe('pending')
        clock.advance(1)
        expect(await waiter.settled).toBe('timeout')
      })

      test('is that of the limiter where the request has none', async () => {
        const clock = new VirtualClock()
        const limiter = make(1, { clock, timeout: 100 })
        take(limiter)
        const waiter = ask(limiter)
        clock.advance(100)
        expect(await waiter.settled).toBe('timeout')
      })

      test('of the request goes before that of the limiter', async () => {
        const clock = new VirtualClock()
        const limiter = make(1, { clock, timeout: 100 })
        take(limiter)
        const [short, long, endless] = [50, 150, Infinity].map((timeout) => ask(limiter, { timeout }))
        clock.advance(50)
        expect(await short?.settled).toBe('timeout')
        clock.advance(99)
        await flush()
        expect(long?.outcome).toBe('pending')
        clock.advance(1)
        expect(await long?.settled).toBe('timeout')
        clock.advance(1e9)
        await flush()
        expect(endless?.outcome).toBe('pending')
      })

      test('of 0 does not wait at all', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        expect(await ask(limiter, { timeout: 0 }).settled).toBe('timeout')
        permit.release()
        await flush()
        expect(countFree(limiter)).toBe(1)
      })

      test('of 0 takes a permit that is free', async () => {
        const limiter = make(1, { timeout: 0 })
        expect(await ask(limiter).settled).toBe('permit')
      })

      test('leaves its place in the queue to another', async () => {
        const clock = new VirtualClock()
        const limiter = make(1, { clock, queue: 1 })
        const permit = take(limiter)
        const leaver = ask(limiter, { timeout: 100 })
        clock.advance(100)
        await leaver.settled
        const other = ask(limiter)
        permit.release()
        expect(await other.settled).toBe('permit')
      })

      test('leaves nothing behind that could take a permit', async () => {
        const clock = new VirtualClock()
        const limiter = make(1, { clock })
        const permit = take(limiter)
        const leaver = ask(limiter, { timeout: 100 })
        clock.advance(100)
        await leaver.settled
        permit.release()
        await flush()
        expect(countFree(limiter)).toBe(1)
      })

      test('no longer counts once the permit is handed over, though the waiter has yet to run', async () => {
        const clock = new VirtualClock()
        const limiter = make(1, { clock })
        const permit = take(limiter)
        const waiter = ask(limiter, { timeout: 100 })
        permit.release()
        clock.advance(1000)
        expect(await waiter.settled).toBe('permit')
        clock.advance(1000)
        await flush()
        expect(countFree(limiter)).toBe(0)
      })
    })

    describe('a full queue', () => {
      test('refuses the newcomer and keeps those who wait', async () => {
        const limiter = make(1, { queue: 2 })
        const permit = take(limiter)
        const waiters = askTimes(2, limiter)
        expect(await ask(limiter).settled).toBe('full')
        permit.release()
        expect(await waiters[0]?.settled).toBe('permit')
        waiters[0]?.release()
        expect(await waiters[1]?.settled).toBe('permit')
      })

      test('has room again as soon as somebody went in', async () => {
        const limiter = make(1, { queue: 1 })
        const permit = take(limiter)
        const first = ask(limiter)
        permit.release()
        const second = ask(limiter)
        expect(await first.settled).toBe('permit')
        first.release()
        expect(await second.settled).toBe('permit')
      })

      test('of 0 places refuses whoever would have to wait, and nobody else', async () => {
        const limiter = make(1, { queue: 0 })
        const permit = take(limiter)
        expect(await ask(limiter).settled).toBe('full')
        permit.release()
        expect(await ask(limiter).settled).toBe('permit')
      })
    })

    describe('a weight', () => {
      test('is taken at once and given back at once', () => {
        const limiter = make(3)
        const permit = take(limiter, { weight: 2 })
        expect(countFree(limiter)).toBe(1)
        permit.release()
        expect(countFree(limiter)).toBe(3)
      })

      test('is given back whole when its waiter gives up after the hand-over', async () => {
        const limiter = make(3)
        const permit = take(limiter, { weight: 3 })
        const controller = new AbortController()
        const waiter = ask(limiter, { weight: 2, signal: controller.signal })
        permit.release()
        controller.abort()
        await waiter.settled
        expect(countFree(limiter)).toBe(3)
      })

      test('that does not fit yet holds back those behind, and is not starved', async () => {
        const limiter = make(2, { queue: 10 })
        const permits = [take(limiter), take(limiter)]
        const heavy = ask(limiter, { weight: 2 })
        const light = ask(limiter)
        permits[0]?.release()
        await flush()
        expect(outcomes([heavy, light])).toEqual(['pending', 'pending'])
        permits[1]?.release()
        expect(await heavy.settled).toBe('permit')
        await flush()
        expect(light.outcome).toBe('pending')
        heavy.release()
        expect(await light.settled).toBe('permit')
      })

      test('that leaves the head by abort lets those behind in at once', async () => {
        const limiter = make(2, { queue: 10 })
        take(limiter)
        const controller = new AbortController()
        ask(limiter, { weight: 2, signal: controller.signal })
        const light = ask(limiter)
        controller.abort()
        expect(await light.settled).toBe('permit')
      })

      test('that leaves the head by time-out lets those behind in at once', async () => {
        const clock = new VirtualClock()
        const limiter = make(2, { queue: 10, clock })
        take(limiter)
        ask(limiter, { weight: 2, timeout: 100 })
        const light = ask(limiter)
        clock.advance(100)
        expect(await light.settled).toBe('permit')
      })

      test('released at once serves as many as fit', async () => {
        const limiter = make(3, { queue: 10 })
        const permit = take(limiter, { weight: 3 })
        const waiters = askTimes(4, limiter)
        permit.release()
        await waiters[2]?.settled
        await flush()
        expect(outcomes(waiters)).toEqual(['permit', 'permit', 'permit', 'pending'])
      })

      test('of 0 waits until a permit is free and takes none', async () => {
        const limiter = make(1, { queue: 10 })
        const permit = take(limiter)
        expect(limiter.tryAcquire({ weight: 0 })).toBeUndefined()
        const nothing = ask(limiter, { weight: 0 })
        await flush()
        expect(nothing.outcome).toBe('pending')
        permit.release()
        expect(await nothing.settled).toBe('permit')
        expect(countFree(limiter)).toBe(1)
        nothing.release()
        expect(countFree(limiter)).toBe(1)
      })
    })

    describe('a bad request', () => {
      test.each(badRequests)('changes nothing: $field $shown', async ({ field, value, error, shown }) => {
        const limiter = make(1)
        const request = { [field]: value } as AcquireRequest
        const failures = [thrownBy(() => limiter.tryAcquire(request)), await ask(limiter, request).settled]
        for (const failure of failures) {
          expect(failure).toBeInstanceOf(error)
          expect(failure).toHaveProperty('message', expect.stringMatching(new RegExp(`^${field} must be `)))
          expect(failure).toHaveProperty('message', expect.stringContaining(`received ${shown}`))
        }
        expect(countFree(limiter)).toBe(1)
      })

      test.each(noRequests)('is anything but an object with fields: %s', async (value, shown) => {
        const limiter = make(1)
        const request = value as AcquireRequest
        for (const failure of [
          thrownBy(() => limiter.tryAcquire(request)),
          await ask(limiter, request).settled,
        ]) {
          expect(failure).toEqual(
            new TypeError(`request must be an object such as { signal }; received ${shown}`),
          )
        }
        expect(countFree(limiter)).toBe(1)
      })

      test('is one with a field that none has', async () => {
        const limiter = make(1)
        const request = { timeOut: 5 } as AcquireRequest
        for (const failure of [
          thrownBy(() => limiter.tryAcquire(request)),
          await ask(limiter, request).settled,
        ]) {
          expect(failure).toEqual(
            new TypeError('request has no option "timeOut"; it knows weight, timeout, signal, priority, key'),
          )
        }
        expect(countFree(limiter)).toBe(1)
      })

      test('is refused also where no permit is free, and leaves nobody in the queue', async () => {
        const limiter = make(1)
        const permit = take(limiter)
        expect(await ask(limiter, { weight: -1 }).settled).toBeInstanceOf(RangeError)
        expect(() => limiter.tryAcquire({ weight: -1 })).toThrow(RangeError)
        permit.release()
        await flush()
        expect(countFree(limiter)).toBe(1)
      })

      test('with every field undefined is a good one', async () => {
        const nothing = { weight: undefined, timeout: undefined, signal: undefined }
        const limiter = make(1)
        const permit = take(limiter, { ...nothing, priority: undefined, key: undefined })
        const waiter = ask(limiter, { ...nothing, priority: undefined, key: undefined })
        permit.release()
        expect(await waiter.settled).toBe('permit')
      })
    })

    describe('run', () => {
      test('returns what the work returns and gives the permit back', async () => {
        const limiter = make(1)
        const work = vi.fn(() => {
          expect(countFree(limiter)).toBe(0)
          return 'result'
        })
        expect(await run(limiter, work)).toBe('result')
        expect(work).toHaveBeenCalledOnce()
        expect(countFree(limiter)).toBe(1)
      })

      test('holds the permit until asynchronous work is over', async () => {
        const limiter = make(1)
        let finish = (_: string): void => {}
        const result = run(limiter, () => new Promise<string>((resolve) => (finish = resolve)))
        await flush()
        expect(countFree(limiter)).toBe(0)
        finish('result')
        expect(await result).toBe('result')
        expect(countFree(limiter)).toBe(1)
      })

      test('gives the permit back when the work throws', async () => {
        const limiter = make(1)
        const failure = new Error('work failed')
        const result = run(limiter, () => {
          throw failure
        })
        await expect(result).rejects.toBe(failure)
        expect(countFree(limiter)).toBe(1)
      })

      test('gives the permit back when the work rejects', async () => {
        const limiter = make(1)
        const failure = new Error('work failed')
        await expect(run(limiter, () => Promise.reject(failure))).rejects.toBe(failure)
        expect(countFree(limiter)).toBe(1)
      })

      test('rejects as acquire does, and the work never starts', async () => {
        const limiter = make(1)
        const work = vi.fn()
        const signal = AbortSignal.abort(new Error('left'))
        await expect(run(limiter, work, { signal })).rejects.toBe(signal.reason)
        expect(work).not.toHaveBeenCalled()
        expect(countFree(limiter)).toBe(1)
      })

      test('gives the work its permit, which it may release early', async () => {
        const limiter = make(2)
        take(limiter)
        await run(limiter, (permit) => {
          permit.release()
          expect(countFree(limiter)).toBe(1)
        })
        expect(countFree(limiter)).toBe(1)
      })
    })
  })
}
