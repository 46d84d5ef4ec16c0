import { getEventListeners } from 'node:events'
import { type AcquireRequest, type Outcome, RejectedError, run } from '@lineclear/core'
import type { RedisLimiter, RedisLimiterOptions } from '@lineclear/redis'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { badRequests, noRequests } from '../core/bad-requests.ts'
import { flush, outcomes, thrownBy } from '../core/helpers.ts'
import type { UsersClient } from './clients.ts'
import { Crew, type Request } from './crew.ts'
import { until } from './until.ts'

type Options = Partial<RedisLimiterOptions>

/** What a redisLimiter does for whoever acquires, on any server, with any client. */
export function redisLimiterContract(
  name: string,
  clients: () => readonly [UsersClient, UsersClient],
  fixed: Pick<RedisLimiterOptions, 'mode' | 'perKey'>,
): void {
  const { perKey = false, mode = 'strict' } = fixed

  describe(name, () => {
    let crew: Crew

    beforeEach(() => {
      crew = new Crew(fixed, perKey ? 'a key' : undefined)
    })

    afterEach(() => crew.end())

    const ask = (limiter: RedisLimiter, request?: AcquireRequest): Request => crew.ask(limiter, request)

    /** A limiter, and another of the same name as of another process. */
    const two = (limit: number, options: Options = {}): [RedisLimiter, RedisLimiter] => {
      const [first, second] = clients()
      return [crew.join(first, { limit, ...options }), crew.join(second, { limit, ...options })]
    }

    const make = (limit: number, options: Options = {}): RedisLimiter => two(limit, options)[0]

    /** So many permits, held by the first of these. */
    const taken = async (limiter: RedisLimiter, ...weights: number[]): Promise<Request[]> => {
      const requests = weights.map((weight) => ask(limiter, { weight }))
      for (const request of requests) expect(await request.settled).toBe('permit')
      return requests
    }

    const one = async (limiter: RedisLimiter, weight = 1): Promise<Request> => {
      return (await taken(limiter, weight))[0] as Request
    }

    /** Requests that wait at Redis, in the order in which they came. */
    const queued = async (...requests: [RedisLimiter, AcquireRequest?][]): Promise<Request[]> => {
      const asked: Request[] = []
      for (const request of requests) {
        asked.push(ask(...request))
        await crew.waiting(asked.length)
      }
      return asked
    }

    describe('acquire', () => {
      test('gives a permit when one is free', async () => {
        const limiter = make(1)
        expect(await ask(limiter).settled).toBe('permit')
        expect(limiter.inUse).toBe(1)
      })

      test('waits until a permit is released, in whichever process', async () => {
        const [here, there] = two(1)
        const permit = await one(here)
        const [waiter] = await queued([there])
        expect([waiter?.outcome, there.waiting, here.waiting]).toEqual(['pending', 1, 0])
        permit.release()
        expect(await waiter?.settled).toBe('permit')
        expect([there.waiting, there.inUse, here.inUse]).toEqual([0, 1, 0])
      })

      test('serves waiters in the order they came, over all processes', async () => {
        const [here, there] = two(1)
        const permit = await one(here)
        const log: number[] = []
        const waiters = await queued([here], [there], [there], [here])
        waiters.forEach((waiter, index) => {
          void waiter.settled.then(() => log.push(index))
        })
        permit.release()
        for (const waiter of waiters) {
          await waiter.settled
          waiter.release()
        }
        expect(log).toEqual([0, 1, 2, 3])
      })

      test('serves those who asked in one turn in the order they did', async () => {
        const limiter = make(1)
        const log: number[] = []
        const requests = [0, 1, 2, 3].map((index) => {
          const request = ask(limiter)
          void request.settled.then(() => log.push(index))
          return request
        })
        for (const request of requests) {
          await request.settled
          request.release()
        }
        expect(log).toEqual([0, 1, 2, 3])
      })

      test('serves exactly one waiter for one release', async () => {
        const limiter = make(1)
        const permit = await one(limiter)
        const [first, second] = await queued([limiter], [limiter])
        permit.release()
        expect(await first?.settled).toBe('permit')
        await crew.quiet()
        expect(second?.outcome).toBe('pending')
      })

      test('lets nobody slip in between a release and the waiter it was for', async () => {
        const limiter = make(1)
        const permit = await one(limiter)
        const [waiter] = await queued([limiter])
        permit.release()
        expect(limiter.tryAcquire(crew.with({}))).toBeUndefined()
        const newcomer = ask(limiter)
        expect(await waiter?.settled).toBe('permit')
        await crew.quiet()
        expect(newcomer.outcome).toBe('pending')
        waiter?.release()
        expect(await newcomer.settled).toBe('permit')
      })

      test('reads the request during the call only', async () => {
        const limiter = make(2)
        const permit = await one(limiter, 2)
        const controller = new AbortController()
        const request: AcquireRequest = { ...crew.with({}), weight: 1 }
        const waiter = ask(limiter, request)
        // The crew has made a copy, so that it is the limiter's own reading that is tried here.
        const raw = limiter.acquire(request)
        Object.assign(request, { weight: 2, timeout: 1, signal: controller.signal, key: 'another' })
        controller.abort()
        permit.release()
        expect(await waiter.settled).toBe('permit')
        const second = await raw
        expect(limiter.inUse).toBe(2)
        second.release()
      })
    })

    describe('tryAcquire', () => {
      test('gives nothing without asking Redis, and leaves nobody in the queue', async () => {
        const limiter = make(1)
        expect(limiter.tryAcquire(crew.with({ timeout: 1000 }))).toBeUndefined()
        await one(limiter)
        expect(limiter.tryAcquire(crew.with({}))).toBeUndefined()
        expect(limiter.waiting).toBe(0)
      })

      test(`gives ${mode === 'strict' ? 'no' : 'a'} permit that has just come back`, async () => {
        const limiter = make(1)
        const held = await one(limiter)
        held.release()
        expect(limiter.tryAcquire(crew.with({ signal: AbortSignal.abort() }))).toBeUndefined()
        expect(limiter.tryAcquire(crew.with({ weight: 0 }))).toBeUndefined()
        const permit = limiter.tryAcquire(crew.with({}))
        expect(permit !== undefined).toBe(mode === 'local-first')
        expect(limiter.tryAcquire(crew.with({}))).toBeUndefined()
        permit?.release()
      })
    })

    describe('a permit', () => {
      test('is given back once, however often it is released', async () => {
        const limiter = make(2)
        const [first] = await taken(limiter, 1, 1)
        first?.release()
        first?.release()
        await crew.used(1)
        expect(limiter.inUse).toBe(1)
      })

      test('released again after another caller got it does not free that one', async () => {
        const limiter = make(1)
        const permit = await one(limiter)
        permit.release()
        await one(limiter)
        permit.release()
        await crew.quiet()
        expect([limiter.inUse, (await limiter.stats(crew.with({})?.key)).inUse]).toEqual([1, 1])
      })

      test('is given back by Symbol.dispose, once', async () => {
        const limiter = make(2)
        const [first] = await taken(limiter, 1, 1)
        const permit = await first?.permit
        permit?.[Symbol.dispose]()
        permit?.release()
        await crew.used(1)
        expect(limiter.inUse).toBe(1)
      })

      test('is given back whatever became of the work', async () => {
        const limiter = make(1)
        for (const outcome of ['success', 'dropped', 'ignored'] satisfies Outcome[]) {
          const held = await one(limiter)
          ;((await held.permit) as { release(outcome: Outcome): void }).release(outcome)
          await crew.used(0)
        }
      })

      test('has a fence above that of whoever held it before', async () => {
        const [here, there] = two(1)
        let last = 0
        for (const limiter of [here, there, here]) {
          const held = await one(limiter)
          const { fence } = await held.permit
          expect(fence).toBeGreaterThan(last)
          last = fence as number
          held.release()
          await crew.used(0)
        }
      })
    })

    describe('an abort', () => {
      const reasons = [undefined, null, 'a string', { any: 'object' }, new Error('an error')]

      test('before the call loses, even when a permit is free', async () => {
        const limiter = make(1)
        for (const reason of reasons) {
          const signal = AbortSignal.abort(reason)
          expect(await ask(limiter, { signal }).settled).toBe(signal.reason)
        }
        expect([limiter.waiting, limiter.inUse]).toEqual([0, 0])
      })

      test('rejects a waiter with the reason of its signal, unchanged', async () => {
        const limiter = make(1)
        await one(limiter)
        for (const reason of reasons) {
          const controller = new AbortController()
          const [waiter] = await queued([limiter, { signal: controller.signal }])
          controller.abort(reason)
          expect(await waiter?.settled).toBe(controller.signal.reason)
          await crew.waiting(0)
        }
        expect(limiter.waiting).toBe(0)
      })

      test('in the turn of the call, before Redis has been asked, takes nothing', async () => {
        const limiter = make(1)
        const controller = new AbortController()
        const request = ask(limiter, { signal: controller.signal })
        controller.abort('left')
        expect(await request.settled).toBe('left')
        expect(await ask(limiter).settled).toBe('permit')
        await crew.used(1)
      })

      test('while Redis is being asked gives back what it grants', async () => {
        const limiter = make(1)
        const controller = new AbortController()
        const request = ask(limiter, { signal: controller.signal })
        // Its request is sent in this turn, so that no answer can be there yet.
        await flush()
        controller.abort('left')
        expect(await request.settled).toBe('left')
        expect(await ask(limiter).settled).toBe('permit')
      })

      test('by the first to run is in time for the next, granted with it', async () => {
        const limiter = make(2)
        const holder = await one(limiter, 2)
        const controller = new AbortController()
        const first = limiter.acquire(crew.with({})).then((permit) => {
          controller.abort('not needed any more')
          permit.release()
        })
        const second = ask(limiter, { signal: controller.signal })
        await crew.waiting(2)
        holder.release()
        await first
        expect(await second.settled).toBe('not needed any more')
        await crew.used(0)
        expect(limiter.inUse).toBe(0)
      })

      test('of the head lets the next go in its place', async () => {
        const [here, there] = two(2)
        await one(here)
        const controller = new AbortController()
        const [heavy, light] = await queued([here, { weight: 2, signal: controller.signal }], [there])
        expect(light?.outcome).toBe('pending')
        controller.abort()
        await heavy?.settled
        expect(await light?.settled).toBe('permit')
      })

      test('leaves its place in the queue to another', async () => {
        const [here, there] = two(1, { queue: 1 })
        const permit = await one(here)
        const controller = new AbortController()
        const [leaver] = await queued([here, { signal: controller.signal }])
        controller.abort()
        await leaver?.settled
        await crew.waiting(0)
        const other = ask(there)
        await crew.waiting(1)
        permit.release()
        expect(await other.settled).toBe('permit')
      })

      test('of a signal that many share rejects them all and nobody else, without a warning', async () => {
        const warnings: unknown[] = []
        const warn = (warning: unknown): unknown => warnings.push(warning)
        process.on('warning', warn)
        const limiter = make(1)
        const permit = await one(limiter)
        const controller = new AbortController()
        const sharing = Array.from({ length: 12 }, () => ask(limiter, { signal: controller.signal }))
        const other = ask(limiter)
        await crew.waiting(13)
        controller.abort('all of you')
        await Promise.all(sharing.map(({ settled }) => settled))
        expect(new Set(outcomes(sharing))).toEqual(new Set(['all of you']))
        permit.release()
        expect(await other.settled).toBe('permit')
        await flush()
        process.off('warning', warn)
        expect(warnings).toEqual([])
      })

      test('after the waiter got its permit takes nothing back', async () => {
        const limiter = make(1)
        const controller = new AbortController()
        const holder = ask(limiter, { signal: controller.signal })
        await holder.settled
        controller.abort()
        await crew.quiet()
        expect(limiter.inUse).toBe(1)
        await crew.used(1)
      })

      test('leaves no listener behind, nor does a wait that ended otherwise', async () => {
        const limiter = make(1)
        const permit = await one(limiter)
        const [leaving, staying, late] = [new AbortController(), new AbortController(), new AbortController()]
        const leaver = ask(limiter, { signal: leaving.signal })
        const waiter = ask(limiter, { signal: staying.signal })
        const loser = ask(limiter, { signal: late.signal, timeout: 1 })
        await loser.settled
        leaving.abort()
        permit.release()
        await Promise.all([leaver.settled, waiter.settled])
        for (const { signal } of [leaving, staying, late])
          expect(getEventListeners(signal, 'abort')).toEqual([])
      })
    })

    describe('a time-out', () => {
      test('rejects a waiter when its time is up, and not before', async () => {
        const limiter = make(1)
        await one(limiter)
        const start = performance.now()
        expect(await ask(limiter, { timeout: 60 }).settled).toBe('timeout')
        expect(performance.now() - start).toBeGreaterThanOrEqual(60)
        await crew.waiting(0)
      })

      test('is that of the limiter where the request has none', async () => {
        const limiter = make(1, { timeout: 20 })
        expect(await ask(limiter, { timeout: Infinity }).settled).toBe('permit')
        const long = ask(limiter, { timeout: Infinity })
        expect(await ask(limiter).settled).toBe('timeout')
        expect([limiter.timeout, long.outcome]).toEqual([20, 'pending'])
      })

      test('of 0 waits for an answer, and for nobody', async () => {
        const [here, there] = two(1)
        const permit = await one(here)
        for (const limiter of [here, there]) {
          expect(await ask(limiter, { timeout: 0 }).settled).toBe('timeout')
        }
        permit.release()
        await crew.used(0)
        expect(await ask(there, { timeout: 0 }).settled).toBe('permit')
        expect([here.waiting, there.waiting]).toEqual([0, 0])
      })

      test('leaves its place in the queue to another, and nothing that could take a permit', async () => {
        const [here, there] = two(1, { queue: 1 })
        const permit = await one(here)
        expect(await ask(here, { timeout: 20 }).settled).toBe('timeout')
        await crew.waiting(0)
        const other = ask(there)
        await crew.waiting(1)
        permit.release()
        expect(await other.settled).toBe('permit')
        other.release()
        await crew.used(0)
      })

      test('of the head lets those behind it in at once', async () => {
        const limiter = make(2)
        await one(limiter)
        const heavy = ask(limiter, { weight: 2, timeout: 30 })
        const light = ask(limiter)
        expect(await heavy.settled).toBe('timeout')
        expect(await light.settled).toBe('permit')
      })
    })

    describe('a full queue', () => {
      test('refuses the newcomer, of whichever process, and keeps those who wait', async () => {
        const [here, there] = two(1, { queue: 2 })
        const permit = await one(here)
        const waiters = await queued([here], [there])
        for (const limiter of [here, there]) expect(await ask(limiter).settled).toBe('full')
        permit.release()
        for (const waiter of waiters) {
          expect(await waiter.settled).toBe('permit')
          waiter.release()
        }
      })

      test('has room again as soon as somebody went in', async () => {
        const limiter = make(1, { queue: 1 })
        const permit = await one(limiter)
        const [first] = await queued([limiter])
        permit.release()
        const second = ask(limiter)
        expect(await first?.settled).toBe('permit')
        first?.release()
        expect(await second.settled).toBe('permit')
      })

      test('is none where the queue is endless', async () => {
        const limiter = make(1, { queue: Infinity })
        await one(limiter)
        const waiters = Array.from({ length: 200 }, () => ask(limiter))
        await crew.waiting(200)
        expect(new Set(outcomes(waiters))).toEqual(new Set(['pending']))
        expect((await limiter.stats(crew.with({})?.key)).queue).toBe(Infinity)
      })

      test('of 0 places refuses whoever would have to wait, and nobody else', async () => {
        const [here, there] = two(1, { queue: 0 })
        const permit = await one(here)
        expect(await ask(there).settled).toBe('full')
        permit.release()
        await crew.used(0)
        expect(await ask(there).settled).toBe('permit')
      })
    })

    describe('a weight', () => {
      test('is taken at once and given back at once', async () => {
        const limiter = make(3)
        const permit = await one(limiter, 2)
        await crew.used(2)
        expect(limiter.inUse).toBe(2)
        permit.release()
        await crew.used(0)
      })

      test('that does not fit yet holds back those behind, and is not starved', async () => {
        const [here, there] = two(2)
        const permits = await taken(here, 1, 1)
        const [heavy, light] = await queued([there, { weight: 2 }], [here])
        permits[0]?.release()
        await crew.used(1)
        expect([heavy?.outcome, light?.outcome]).toEqual(['pending', 'pending'])
        permits[1]?.release()
        expect(await heavy?.settled).toBe('permit')
        await crew.quiet()
        expect(light?.outcome).toBe('pending')
        heavy?.release()
        expect(await light?.settled).toBe('permit')
      })

      test('released at once serves as many as fit', async () => {
        const limiter = make(3)
        const permit = await one(limiter, 3)
        const waiters = await queued([limiter], [limiter], [limiter], [limiter])
        permit.release()
        await waiters[2]?.settled
        await crew.quiet()
        expect(outcomes(waiters)).toEqual(['permit', 'permit', 'permit', 'pending'])
      })

      test('of 0 waits until a permit is free and takes none', async () => {
        const limiter = make(1)
        const permit = await one(limiter)
        const [nothing] = await queued([limiter, { weight: 0 }])
        expect(nothing?.outcome).toBe('pending')
        permit.release()
        expect(await nothing?.settled).toBe('permit')
        expect(limiter.inUse).toBe(0)
        expect(await ask(limiter).settled).toBe('permit')
        nothing?.release()
        expect(limiter.inUse).toBe(1)
      })

      test('above the limit can never be had: it throws, and leaves nobody in the queue', async () => {
        const limiter = make(2)
        const error = new RangeError('weight must be at most the limit of 2; received 3')
        expect(thrownBy(() => limiter.tryAcquire(crew.with({ weight: 3 })))).toEqual(error)
        expect(await ask(limiter, { weight: 3 }).settled).toEqual(error)
        expect(limiter.waiting).toBe(0)
      })
    })

    describe('a bad request', () => {
      test('changes nothing', async () => {
        const limiter = make(1)
        for (const { field, value, error, shown } of badRequests) {
          const request = { [field]: value } as AcquireRequest
          for (const failure of [
            thrownBy(() => limiter.tryAcquire(request)),
            await ask(limiter, request).settled,
          ]) {
            expect(failure).toBeInstanceOf(error)
            expect(failure).toHaveProperty('message', expect.stringMatching(new RegExp(`^${field} must be `)))
            expect(failure).toHaveProperty('message', expect.stringContaining(`received ${shown}`))
          }
        }
        for (const [value, shown] of noRequests) {
          const error = new TypeError(`request must be an object such as { signal }; received ${shown}`)
          const request = value as AcquireRequest
          expect(thrownBy(() => limiter.tryAcquire(request))).toEqual(error)
          await expect(limiter.acquire(request)).rejects.toEqual(error)
        }
        await expect(limiter.acquire({ timeOut: 5 } as AcquireRequest)).rejects.toThrow(
          'request has no option "timeOut"; it knows weight, timeout, signal, priority, key',
        )
        expect([limiter.waiting, limiter.inUse]).toEqual([0, 0])
      })

      test('with every field undefined is a good one', async () => {
        const limiter = make(1)
        const nothing = { weight: undefined, timeout: undefined, signal: undefined, priority: undefined }
        expect(await ask(limiter, nothing).settled).toBe('permit')
        limiter.tryAcquire({ ...nothing, key: undefined })
      })
    })

    describe('run', () => {
      test('holds the permit until the work is over, however it ends', async () => {
        const limiter = make(1)
        const result = await run(
          limiter,
          async () => {
            expect(limiter.inUse).toBe(1)
            return 'result'
          },
          crew.with({}),
        )
        expect([result, limiter.inUse]).toEqual(['result', 0])
        const failure = new Error('work failed')
        await expect(run(limiter, () => Promise.reject(failure), crew.with({}))).rejects.toBe(failure)
        expect(limiter.inUse).toBe(0)
      })
    })

    describe('a limit', () => {
      test('raised in one process serves those who wait in another', async () => {
        const [here, there] = two(1, { onDisagreement: () => {} })
        await one(here)
        const [waiter] = await queued([there])
        here.resize(2)
        expect(await waiter?.settled).toBe('permit')
        expect(here.limit).toBe(2)
        await until('the other process knows', () => there.limitOf(crew.with({})?.key) === 2)
        expect(there.limit).toBe(perKey ? 1 : 2)
      })

      test('lowered revokes nothing, and holds for all', async () => {
        const [here, there] = two(2, { onDisagreement: () => {} })
        const permits = await taken(here, 1, 1)
        there.resize(1)
        const waiter = ask(there)
        await crew.waiting(1)
        permits[0]?.release()
        await crew.used(1)
        await crew.quiet()
        expect([waiter.outcome, here.inUse]).toEqual(['pending', 1])
        permits[1]?.release()
        expect(await waiter.settled).toBe('permit')
      })

      test('of 0 is a pause: whoever waits waits on, whatever the weight', async () => {
        const [here, there] = two(2, { onDisagreement: () => {} })
        const permit = await one(here, 2)
        const [heavy] = await queued([there, { weight: 2 }])
        here.resize(0)
        permit.release()
        await crew.used(0)
        const light = ask(here)
        await crew.waiting(2)
        expect([heavy?.outcome, light.outcome]).toEqual(['pending', 'pending'])
        here.resize(2)
        expect(await heavy?.settled).toBe('permit')
        heavy?.release()
        expect(await light.settled).toBe('permit')
      })

      test('lowered below the weight of a waiter turns it away', async () => {
        const [here, there] = two(2, { onDisagreement: () => {} })
        await one(here)
        const [heavy] = await queued([there, { weight: 2 }])
        here.resize(1)
        expect(await heavy?.settled).toBe('evicted')
      })

      test('that is none throws, and changes nothing', () => {
        const limiter = make(2)
        for (const limit of [-1, 1.5, Number.NaN, Infinity, '2'])
          expect(() => limiter.resize(limit as number)).toThrow(/^limit must be .*received /)
        expect(limiter.limit).toBe(2)
      })

      test('that another process has set is told once, not with each request', async () => {
        const [first, second] = clients()
        const told = vi.fn()
        const older = crew.join(first, { limit: 3, queue: 7, onDisagreement: told })
        await one(older)
        const newer = crew.join(second, { limit: 4, queue: 8 })
        const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
        await taken(newer, 1)
        await taken(older, 1, 1)
        const late = ask(older)
        await crew.waiting(1)
        const warnings = warn.mock.calls
        warn.mockRestore()
        expect(late.outcome).toBe('pending')
        expect([older.limitOf(crew.with({})?.key), newer.limitOf(crew.with({})?.key)]).toEqual([4, 4])
        const key = perKey ? 'a key' : ''
        const asked = { limit: 3, queue: 7 }
        expect(told.mock.calls).toEqual([[{ name: crew.name, key, asked, holds: { limit: 4, queue: 8 } }]])
        expect(warnings).toEqual([])
        newer.resize(5)
        expect(await late.settled).toBe('permit')
      })

      test('that another process has set is a warning where nobody listens', async () => {
        const [first, second] = clients()
        const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
        const older = crew.join(first, { limit: 3, queue: 7 })
        await one(older)
        await one(crew.join(second, { limit: 4, queue: 8 }))
        await one(older)
        await one(older)
        const warnings = warn.mock.calls
        warn.mockRestore()
        expect(warnings).toEqual([
          [
            `lineclear: ${crew.name}: limit 4, queue 8 holds, as another process set it, not limit 3, queue 7`,
          ],
        ])
      })
    })

    describe('close', () => {
      test('turns away those who wait and whoever comes after, with the cause', async () => {
        const [here, there] = two(1)
        await one(there)
        const [waiter, other] = await queued([here], [there])
        const drained = here.drain()
        const reason = new Error('deploying')
        const closed = here.close(reason)
        for (const request of [waiter as Request, ask(here)]) {
          const error = await request.permit.catch((error: unknown) => error)
          expect(error).toBeInstanceOf(RejectedError)
          expect(error).toMatchObject({ reason: 'closed', cause: reason })
        }
        await Promise.all([closed, drained])
        expect([here.full, here.waiting, here.tryAcquire(crew.with({}))]).toEqual([true, 0, undefined])
        expect(other?.outcome).toBe('pending')
      })

      test('waits for the permits in use, and then frees the place at once', async () => {
        const [here, there] = two(1)
        const permit = await one(here)
        const [waiter] = await queued([there])
        let over = false
        const closed = here.close().then(() => {
          over = true
        })
        await crew.quiet()
        expect(over).toBe(false)
        permit.release()
        await closed
        const { inUse, instances } = await there.stats(crew.with({})?.key)
        expect([inUse, instances.length]).toEqual([1, 1])
        expect(await waiter?.settled).toBe('permit')
      })

      test('may be called again, and before anything was asked', async () => {
        const limiter = make(1)
        await Promise.all([limiter.close('why'), limiter.close('another')])
        await limiter.close()
        await expect(limiter.acquire()).rejects.toMatchObject({ reason: 'closed', cause: 'why' })
      })
    })

    test('drain resolves when nothing is in use and nobody waits here', async () => {
      const [here, there] = two(2)
      await here.drain()
      const permits = await taken(here, 1, 1)
      const [waiter] = await queued([here, { timeout: 50 }])
      await queued([there]).catch(() => {})
      let over = false
      const drained = here.drain().then(() => {
        over = true
      })
      await waiter?.settled
      permits[0]?.release()
      await crew.quiet()
      expect(over).toBe(false)
      permits[1]?.release()
      await drained
      expect([here.inUse, here.waiting]).toEqual([0, 0])
    })
  })
}
