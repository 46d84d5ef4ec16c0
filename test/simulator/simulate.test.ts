import {
  BoundedSemaphore,
  type Limiter,
  lifo,
  type Outcome,
  type Permit,
  RejectedError,
} from '@lineclear/core'
import {
  type AttemptRecord,
  backoff,
  choice,
  constant,
  exponential,
  keys,
  type MakeLimiter,
  noLimit,
  poisson,
  pool,
  processorSharing,
  Random,
  type Result,
  refusedIn,
  type Scenario,
  simulate,
  steps,
  trace,
  unlimited,
} from '@lineclear/simulator'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

const semaphore =
  (permits: number, queue = 100, timeout = Infinity): MakeLimiter =>
  ({ clock }) =>
    new BoundedSemaphore(permits, { queue, timeout, clock })

const newestFirst: MakeLimiter = ({ clock }) => new BoundedSemaphore(20, { queue: lifo(1000), clock })

/** Twice what twenty servers can do, from clients that leave after 250 ms. */
const overload: Scenario = {
  duration: 10_000,
  arrivals: poisson(2000),
  service: exponential(20),
  server: pool(20),
  clients: { patience: 250 },
}

/** Requests at these times, each of as much work. */
function at(work: number, ...times: number[]): Pick<Scenario, 'arrivals' | 'service' | 'duration'> {
  return { arrivals: trace(times.map((time) => ({ at: time }))), service: work, duration: 1000 }
}

async function records(scenario: Scenario, makeLimiter: MakeLimiter): Promise<AttemptRecord[]> {
  const all: AttemptRecord[] = []
  await simulate(scenario, makeLimiter, { onAttempt: (attempt) => all.push(attempt) })
  return all
}

/** What became of each attempt, and when. */
async function ends(scenario: Scenario, makeLimiter: MakeLimiter): Promise<string[]> {
  const all = await records(scenario, makeLimiter)
  return all.map(({ id, outcome, endedAt }) => `${id} ${outcome} at ${Math.round(endedAt * 1000) / 1000}`)
}

describe('a simulation', () => {
  test('gives the same result for the same seed, and another for another', async () => {
    const scenario: Scenario = { ...overload, clients: { patience: exponential(250), key: keys(5, 1) } }
    const first = await simulate(scenario, semaphore(20, 1000))
    expect(await simulate(scenario, semaphore(20, 1000))).toEqual(first)
    expect(await simulate({ ...scenario, seed: 2 }, semaphore(20, 1000))).not.toEqual(first)
  })

  test('shows every limiter the same requests, of the same work, also when some come back', async () => {
    const scenario: Scenario = {
      ...overload,
      duration: 2000,
      drain: Infinity,
      clients: {
        patience: exponential(250),
        key: keys(5),
        priority: choice([
          [0, 1],
          [1, 1],
        ]),
        retries: { tries: 3, backoff: backoff() },
      },
    }
    const shown = async (makeLimiter: MakeLimiter): Promise<unknown> =>
      (await records(scenario, makeLimiter))
        .filter(({ attempt }) => attempt === 1)
        .map(({ id, at, work, key, priority }) => ({ id, at, work, key, priority }))
        .sort((a, b) => a.id - b.id)
    const one = await shown(semaphore(20))
    expect(await shown(semaphore(5, 0))).toEqual(one)
    expect(await shown(noLimit)).toEqual(one)
  })

  test('draws all that is random from its seed', async () => {
    const drawn = async (seed: number, of: (attempt: AttemptRecord) => unknown): Promise<unknown> =>
      (
        await records(
          { ...overload, seed, duration: 100, clients: { key: keys(9), weight: () => 1 } },
          noLimit,
        )
      )
        .sort((a, b) => a.id - b.id)
        .slice(0, 20)
        .map(of)
    for (const of of [
      ({ at }: AttemptRecord) => at,
      ({ work }: AttemptRecord) => work,
      ({ key }: AttemptRecord) => key,
    ]) {
      expect(await drawn(1, of)).toEqual(await drawn(1, of))
      expect(await drawn(1, of)).not.toEqual(await drawn(2, of))
    }
  })

  test('tells the same with the platform’s AbortSignals', async () => {
    const scenario = { ...overload, duration: 2000 }
    for (const makeLimiter of [semaphore(20, 1000, 200), newestFirst]) {
      expect(await simulate(scenario, makeLimiter, { realSignals: true })).toEqual(
        await simulate(scenario, makeLimiter),
      )
    }
  })

  test('loses no request: each is answered, refused, gave up or is under way', async () => {
    const outcome = fc.constantFrom<NonNullable<Scenario['clients']>['whenLeft']>(
      'finish',
      'release',
      'cancel',
    )
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          seed: fc.nat(),
          permits: fc.integer({ min: 1, max: 8 }),
          queue: fc.nat(20),
          servers: fc.integer({ min: 1, max: 8 }),
          rate: fc.integer({ min: 10, max: 1000 }),
          patience: fc.constantFrom(20, 100, Infinity),
          timeout: fc.constantFrom(10, Infinity),
          tries: fc.integer({ min: 1, max: 3 }),
          afterLeaving: fc.boolean(),
          whenLeft: outcome,
          drain: fc.constantFrom(0, 100, Infinity),
        }),
        async ({ seed, permits, queue, servers, rate, patience, timeout, tries, drain, ...more }) => {
          let limiter: BoundedSemaphore | undefined
          const seen: AttemptRecord[] = []
          const result = await simulate(
            {
              seed,
              drain,
              duration: 1000,
              arrivals: poisson(rate),
              service: exponential(20),
              server: pool(servers),
              clients: {
                patience,
                whenLeft: more.whenLeft,
                retries: { tries, afterLeaving: more.afterLeaving, backoff: backoff({ base: 10 }) },
              },
            },
            ({ clock }) => {
              limiter = new BoundedSemaphore(permits, { queue, timeout, clock })
              return limiter
            },
            { onAttempt: (attempt) => seen.push(attempt) },
          )
          const { offered, succeeded, failed, gaveUp, unfinished } = result
          expect(succeeded + failed + gaveUp + unfinished).toBe(offered)
          expect(result.mostInUse).toBeLessThanOrEqual(permits)
          expect(result.mostWaiting).toBeLessThanOrEqual(queue)
          expect(seen.length).toBeLessThanOrEqual(result.attempts)
          expect(seen.filter((attempt) => attempt.outcome === 'answered').length).toBe(succeeded)
          expect(seen.filter(({ outcome }) => outcome in result.refused).length).toBe(refusedIn(result))
          if (drain < Infinity) return
          expect(unfinished).toBe(0)
          expect(seen.length).toBe(result.attempts)
          expect(limiter?.waiting).toBe(0)
          expect(limiter?.inUse).toBe(0)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('takes no real time into account: a limiter made of many promises changes nothing', async () => {
    const slow: MakeLimiter = (surroundings) => {
      const inner = semaphore(20, 1000)(surroundings) as Limiter
      return {
        tryAcquire: () => undefined,
        async acquire(request) {
          for (let i = 0; i < 50; i++) await undefined
          const permit = await inner.acquire(request)
          for (let i = 0; i < 50; i++) await undefined
          return permit
        },
      }
    }
    const scenario: Scenario = { ...overload, duration: 500, clients: {} }
    const { latency, goodput } = await simulate(scenario, semaphore(20, 1000))
    const through = await simulate(scenario, slow)
    expect([through.latency, through.goodput]).toEqual([latency, goodput])
  })

  test('goes on to its end after the last arrival, but not for longer than drain', async () => {
    const scenario = { ...at(700, 0, 900), duration: 900 }
    expect((await simulate(scenario, noLimit)).succeeded).toBe(2)
    const cut = await simulate({ ...scenario, drain: 500 }, noLimit)
    expect([cut.succeeded, cut.unfinished]).toEqual([1, 1])
    expect(cut.series.at(-1)).toMatchObject({ at: 1000, length: 400, inUse: 1 })
  })

  test('ends although the limiter sets timers for ever', async () => {
    const ticking: MakeLimiter = ({ clock }) => {
      const tick = (): void => void clock.setTimer(tick, 10)
      tick()
      return new BoundedSemaphore(1)
    }
    expect((await simulate(at(10, 0, 5), ticking)).succeeded).toBe(2)
  })

  test('does not count the warm-up', async () => {
    const result = await simulate({ ...at(10, 0, 100, 500, 600), warmUp: 500 }, noLimit)
    expect([result.offered, result.succeeded, result.latency.count, result.window]).toEqual([2, 2, 2, 500])
    expect(result.goodput).toBe(4)
    expect(result.inUse).toBeCloseTo(20 / 500, 9)
  })

  test('rejects with what the limiter throws, if it is not a refusal', async () => {
    const broken = (error: Error, late = false): MakeLimiter => {
      const fail = async (): Promise<never> => {
        throw error
      }
      return () => ({
        tryAcquire() {
          if (!late) throw error
          return undefined
        },
        acquire: fail,
      })
    }
    await expect(simulate(at(1, 0), broken(new Error('broken')))).rejects.toThrow('broken')
    await expect(simulate(at(1, 0), broken(new Error('broken late'), true))).rejects.toThrow('broken late')
    const tooHeavy = { ...at(1, 0), clients: { weight: () => 3 } }
    await expect(simulate(tooHeavy, semaphore(2))).rejects.toThrow('weight must be at most the limit of 2')
  })

  test('names what is wrong with a scenario', async () => {
    const run = (changes: object): Promise<Result> =>
      simulate({ ...overload, ...changes } as Scenario, noLimit)
    await expect(run({ duration: 0 })).rejects.toThrow('duration must be more than 0; received 0')
    await expect(run({ warmUp: 20_000 })).rejects.toThrow('warmUp must be less than duration; received 20000')
    await expect(run({ patience: 1 })).rejects.toThrow('scenario has no option "patience"')
    await expect(run({ clients: { patence: 1 } })).rejects.toThrow('clients has no option "patence"')
    await expect(run({ service: undefined })).rejects.toThrow('service must be given')
    await expect(run({ service: -1 })).rejects.toThrow('service must be 0 ms or more; received -1')
    await expect(run({ clients: { retries: { tries: 0 } } })).rejects.toThrow('retries tries must be')
    const backwards = (): Iterator<{ at: number }> => [{ at: 5 }, { at: 4 }].values()
    await expect(run({ arrivals: backwards })).rejects.toThrow(
      'arrivals must come in order; received 4 at 5 ms',
    )
  })
})

describe('clients', () => {
  test('leave the line when their patience ends, at once and for good', async () => {
    const waits = { service: 100, patience: 50 }
    const arrivals = trace([
      { at: 0, service: 100 },
      { at: 10, ...waits },
      { at: 20, ...waits },
    ])
    expect(await ends({ duration: 1000, arrivals }, semaphore(1))).toEqual([
      '1 left at 60',
      '2 left at 70',
      '0 answered at 100',
    ])
  })

  test.each([
    ['finish', ['1 left at 170', '0 late at 200', '2 answered at 250']],
    ['release', ['1 answered at 170', '0 late at 200', '2 answered at 220']],
    ['cancel', ['0 late at 150', '1 answered at 170', '2 answered at 220']],
  ] as const)('that leave their work inside: %s', async (whenLeft, expected) => {
    const scenario: Scenario = {
      duration: 1000,
      arrivals: trace([
        { at: 0, service: 200, patience: 150 },
        { at: 20, service: 20, patience: whenLeft === 'finish' ? 150 : 500 },
        { at: 30, service: 50, patience: 500 },
      ]),
      clients: { whenLeft },
    }
    expect(await ends(scenario, semaphore(1))).toEqual(expected)
  })

  test('that leave the line make room in it', async () => {
    const arrivals = trace([
      { at: 0, service: 100 },
      { at: 10, service: 10, patience: 50 },
      { at: 70, service: 10 },
    ])
    expect(await ends({ duration: 1000, arrivals }, semaphore(1, 1))).toEqual([
      '1 left at 60',
      '0 answered at 100',
      '2 answered at 110',
    ])
  })

  test('that leave a line inside of the server are not worked for', async () => {
    const arrivals = trace([
      { at: 0, service: 100 },
      { at: 10, service: 50, patience: 20 },
      { at: 20, service: 10 },
    ])
    const scenario: Scenario = { duration: 1000, arrivals, server: pool(1), clients: { whenLeft: 'cancel' } }
    expect(await ends(scenario, noLimit)).toEqual(['1 late at 30', '0 answered at 100', '2 answered at 110'])
  })

  test('that left never start, even if the limiter did not listen; their permits go back', async () => {
    const deaf: MakeLimiter = (surroundings) => {
      const inner = semaphore(1)(surroundings) as Limiter
      return { tryAcquire: () => inner.tryAcquire(), acquire: () => inner.acquire() }
    }
    const arrivals = trace([
      { at: 0, service: 100 },
      { at: 10, service: 50, patience: 20 },
      { at: 20, service: 10 },
    ])
    const found = await records({ duration: 1000, arrivals }, deaf)
    expect(found.map(({ id, outcome, admittedAt }) => [id, outcome, admittedAt])).toEqual([
      [1, 'left', undefined],
      [0, 'answered', 0],
      [2, 'answered', 100],
    ])
  })

  test('that leave count as wasted work, and the limiter is told', async () => {
    const told: (Outcome | undefined)[] = []
    const telling: MakeLimiter = () => ({
      tryAcquire: (): Permit => ({ release: (outcome) => told.push(outcome), [Symbol.dispose]() {} }),
      acquire: () => Promise.reject(new RejectedError('full')),
    })
    const scenario: Scenario = { ...at(100, 0, 500), clients: { patience: 50 } }
    const { gaveUp, wasted, goodput, throughput } = await simulate(scenario, telling)
    expect([gaveUp, wasted, goodput, throughput]).toEqual([2, 2, 0, 2])
    await simulate({ ...scenario, clients: { patience: 50, outcomeWhenLeft: 'dropped' } }, telling)
    await simulate({ ...scenario, clients: {} }, telling)
    expect(told).toEqual(['ignored', 'ignored', 'dropped', 'dropped', 'success', 'success'])
  })

  test('are in time if the answer comes at the last moment', async () => {
    expect(await ends({ ...at(100, 0), clients: { patience: 100 } }, noLimit)).toEqual(['0 answered at 100'])
  })

  test('come back after a refusal, as often as they try', async () => {
    const scenario: Scenario = {
      ...at(100, 0, 10, 20),
      clients: { retries: { tries: 3, backoff: (attempt) => attempt * 20 } },
    }
    expect(await ends(scenario, semaphore(1, 0))).toEqual([
      '1 full at 10',
      '2 full at 20',
      '1 full at 50',
      '2 full at 60',
      '0 answered at 100',
      '2 full at 120',
      '1 answered at 210',
    ])
    const { offered, attempts, succeeded, failed, refused } = await simulate(scenario, semaphore(1, 0))
    expect([offered, attempts, succeeded, failed, refused.full]).toEqual([3, 7, 2, 1, 5])
  })

  test('wait as Retry-After asks if they obey, from the refusal or from the candidate', async () => {
    const refusing = new RejectedError('full', { retryAfter: 2 })
    const limiter: Limiter = { tryAcquire: () => undefined, acquire: () => Promise.reject(refusing) }
    const scenario = (obey: boolean): Scenario => ({
      ...at(1, 0),
      drain: 10_000,
      clients: { retries: { tries: 2, obey, backoff: () => 50 } },
    })
    expect(await ends(scenario(true), () => limiter)).toEqual(['0 full at 0', '0 full at 2000'])
    expect(await ends(scenario(false), () => limiter)).toEqual(['0 full at 0', '0 full at 50'])
    const candidate: MakeLimiter = () => ({ limiter, retryAfter: ({ reason }) => reason.length })
    expect(await ends(scenario(true), candidate)).toEqual(['0 full at 0', '0 full at 4000'])
  })

  test('come back after leaving only if told to, and not after other refusals than they are told', async () => {
    const left: Scenario = {
      ...at(100, 0),
      clients: { patience: 60, retries: { tries: 2, backoff: () => 10 } },
    }
    expect(await ends(left, semaphore(1))).toEqual(['0 late at 100'])
    const again = {
      ...left,
      clients: { ...left.clients, retries: { tries: 2, afterLeaving: true, backoff: () => 60 } },
    }
    expect(await ends(again, semaphore(1))).toEqual(['0 late at 100', '0 late at 220'])
    const only: Scenario = { ...at(100, 0, 0), clients: { retries: { tries: 2, reasons: ['timeout'] } } }
    expect(await ends(only, semaphore(1, 0))).toEqual(['1 full at 0', '0 answered at 100'])
  })

  test('are counted by key and by priority', async () => {
    const scenario: Scenario = {
      duration: 1000,
      arrivals: trace([
        { at: 0, key: 'a', priority: 1 },
        { at: 1, key: 'b', priority: 2 },
        { at: 2, key: 'a' },
      ]),
      service: 10,
    }
    const { byKey, byPriority } = await simulate(scenario, semaphore(1, 1))
    expect(
      [...byKey].map(([key, { offered, succeeded, refused }]) => [key, offered, succeeded, refused.full]),
    ).toEqual([
      ['a', 2, 1, 1],
      ['b', 1, 1, 0],
    ])
    expect([...byPriority].map(([priority, { offered, waited }]) => [priority, offered, waited])).toEqual([
      [1, 1, 0],
      [2, 1, 1],
    ])
  })

  test('with a weight take as many permits', async () => {
    const { mostInUse, inUse } = await simulate(
      { ...at(100, 0, 0), clients: { weight: () => 2 } },
      semaphore(3),
    )
    expect([mostInUse, inUse]).toEqual([2, 0.4])
  })
})

describe('a server', () => {
  test('that is a pool lets those beyond its number queue inside', async () => {
    expect(await ends({ ...at(10, 0, 0, 0, 0), server: pool(2) }, noLimit)).toEqual([
      '0 answered at 10',
      '1 answered at 10',
      '2 answered at 20',
      '3 answered at 20',
    ])
  })

  test('that shares its processor slows down as more come in', async () => {
    // 5 ms alone, then both at half the speed.
    expect(await ends({ ...at(10, 0, 5), server: processorSharing(1) }, noLimit)).toEqual([
      '0 answered at 15',
      '1 answered at 20',
    ])
  })

  test('may lose servers and get them back; those at work finish', async () => {
    const server = pool(2, [
      { at: 5, servers: 1 },
      { at: 30, servers: 2 },
    ])
    expect(await ends({ ...at(10, 0, 0, 0, 0, 0), server }, noLimit)).toEqual([
      '0 answered at 10',
      '1 answered at 10',
      '2 answered at 20',
      '3 answered at 30',
      '4 answered at 40',
    ])
  })

  test('may slow down, stand still and recover, also for work under way', async () => {
    const server = unlimited([
      { at: 5, speed: 0.5 },
      { at: 10, speed: 0 },
      { at: 20, speed: 1 },
    ])
    expect(await ends({ ...at(10, 0, 12), server }, noLimit)).toEqual([
      '0 answered at 22.5',
      '1 answered at 30',
    ])
  })

  test('of half the size answers half as many', async () => {
    const scenario: Scenario = {
      duration: 30_000,
      bucket: 10_000,
      arrivals: poisson(2000),
      service: constant(20),
      server: pool(20, [
        { at: 10_000, servers: 10 },
        { at: 20_000, speed: 2 },
      ]),
    }
    const { series } = await simulate(scenario, semaphore(20))
    const perSecond = series.slice(0, 3).map(({ completed }) => Math.round(completed / 100) * 10)
    expect(perSecond).toEqual([1000, 500, 1000])
  })
})

describe('the time series', () => {
  test('has what happened in each step, and the levels in between', async () => {
    const scenario = { ...at(150, 0, 50, 60, 350), bucket: 100, duration: 600 }
    const { series } = await simulate(scenario, semaphore(1, 1))
    const seen = series.map((step) => [
      step.offered,
      step.admitted,
      step.refused,
      step.completed,
      step.inUse,
      step.waiting,
      step.p50,
      step.limit,
    ])
    const none = Number.NaN
    expect(seen).toEqual([
      [3, 1, 1, 0, 1, 0.5, none, 1],
      [0, 1, 0, 1, 1, 0.5, 150, 1],
      [0, 0, 0, 0, 1, 0, none, 1],
      [1, 1, 0, 1, 0.5, 0, 250, 1],
      [0, 0, 0, 0, 1, 0, none, 1],
      [0, 0, 0, 1, 0, 0, 150, 1],
    ])
  })

  test('is told to the watcher as it grows, with the limiter', async () => {
    const limits: unknown[] = []
    const resized: MakeLimiter = ({ clock }) => {
      const limiter = new BoundedSemaphore(5)
      clock.setTimer(() => limiter.resize(7), 250)
      return limiter
    }
    const scenario = { ...at(10, 0), duration: 450, bucket: 100 }
    const { series } = await simulate(scenario, resized, {
      onStep: ({ at, length, limit }, limiter) => limits.push([at, length, limit, limiter.limit]),
    })
    expect(limits).toEqual([
      [0, 100, 5, 5],
      [100, 100, 5, 5],
      [200, 100, 7, 7],
      [300, 100, 7, 7],
      [400, 50, 7, 7],
    ])
    expect(series.length).toBe(5)
  })
})

describe('what is known of overload', () => {
  const goodput = async (makeLimiter: MakeLimiter, changes: Partial<Scenario> = {}): Promise<number> =>
    (await simulate({ ...overload, ...changes }, makeLimiter)).goodput

  test.each([1, 2, 101])(
    'with seed %i: without a limit nobody is answered in time, newest first nearly all are',
    async (seed) => {
      expect(await goodput(noLimit, { seed })).toBeLessThan(100)
      expect(await goodput(semaphore(20, 1000), { seed })).toBeLessThan(100)
      expect(await goodput(semaphore(20, 100), { seed })).toBeGreaterThan(950)
      expect(await goodput(newestFirst, { seed })).toBeGreaterThan(960)
    },
  )

  test('after a spike, all that is left is the answer to the normal load', async () => {
    const scenario: Scenario = {
      ...overload,
      duration: 15_000,
      arrivals: steps([
        [0, 700],
        [5000, 3000],
        [10_000, 700],
      ]),
    }
    const { series } = await simulate(scenario, newestFirst)
    const served = series.slice(11, 15).map(({ offered, succeeded }) => succeeded / offered)
    for (const share of served) expect(share).toBeGreaterThan(0.9)
  })
})

test('backoff doubles, up to the most, jittered as told', () => {
  const random = new Random(1)
  const exact = backoff({ base: 100, most: 1000, jitter: 0 })
  expect([2, 3, 4, 5, 6].map((attempt) => exact(attempt, random))).toEqual([100, 200, 400, 800, 1000])
  const waits = Array.from({ length: 1000 }, () => backoff({ base: 100, jitter: 0.5 })(2, random))
  expect(Math.min(...waits)).toBeGreaterThanOrEqual(50)
  expect(Math.max(...waits)).toBeLessThanOrEqual(100)
  expect(Math.min(...waits)).toBeLessThan(51)
  expect(Math.max(...waits)).toBeGreaterThan(99)
})
