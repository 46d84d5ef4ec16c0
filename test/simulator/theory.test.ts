import { BoundedSemaphore } from '@lineclear/core'
import {
  bimodal,
  constant,
  exponential,
  logNormal,
  type MakeLimiter,
  noLimit,
  poisson,
  pool,
  processorSharing,
  type Result,
  type Scenario,
  simulate,
  usl,
} from '@lineclear/simulator'
import { describe, expect, test } from 'vitest'
import { expectTheory, SEEDS } from './estimate.ts'

const MEAN = 20

const permits =
  (limit: number, queue = Infinity): MakeLimiter =>
  ({ clock }) =>
    new BoundedSemaphore(limit, { queue, clock })

/** The load of a queue with this many servers, at a share of their capacity; times are for a mean of 20 ms. */
function load(servers: number, share: number, seconds: number): Scenario {
  const duration = seconds * 1000
  return {
    duration,
    warmUp: duration / 10,
    arrivals: poisson((share * servers * 1000) / MEAN),
    service: exponential(MEAN),
  }
}

/** The probability that all of c servers are busy when nobody waits, with a mean of a jobs (Erlang's B). */
function erlangB(c: number, a: number): number {
  let b = 1
  for (let n = 1; n <= c; n++) b = (a * b) / (n + a * b)
  return b
}

/** The probability of having to wait (Erlang's C). */
function erlangC(c: number, a: number): number {
  const b = erlangB(c, a)
  return b / (1 - (a / c) * (1 - b))
}

test('the formulas give the values of the tables', () => {
  expect(erlangC(20, 14)).toBeCloseTo(0.0936, 4)
  expect(erlangC(2, 1.8)).toBeCloseTo(0.8526, 4)
  expect(erlangB(20, 14)).toBeCloseTo(0.03, 4)
})

describe.each(SEEDS)('a semaphore is the queue of theory, on %s:', (_kind, seeds) => {
  const expectMean = (
    theory: number,
    width: number,
    scenario: Scenario,
    makeLimiter: MakeLimiter,
    measure: (result: Result) => number,
  ): Promise<void> =>
    expectTheory(theory, width, seeds, async (seed) =>
      measure(await simulate({ ...scenario, seed }, makeLimiter)),
    )

  const shareThatWaits = ({ waited, attempts }: Result): number => waited / attempts

  test('M/M/20 at 70 %: the probability of waiting is Erlang C, and the mean wait what follows', async () => {
    const c = erlangC(20, 14)
    await expectMean(c, 0.15, load(20, 0.7, 40), permits(20), shareThatWaits)
    await expectMean((c * MEAN) / (20 * 0.3), 0.35, load(20, 0.7, 40), permits(20), ({ wait }) => wait.mean)
  })

  test('M/M/2 at 90 %: the same', async () => {
    const c = erlangC(2, 1.8)
    await expectMean(c, 0.05, load(2, 0.9, 150), permits(2), shareThatWaits)
    await expectMean((c * MEAN) / (2 * 0.1), 0.3, load(2, 0.9, 150), permits(2), ({ wait }) => wait.mean)
  })

  test('M/M/1 at 70 %: the time to the answer is exponential', async () => {
    const mean = MEAN / 0.3
    const scenario = load(1, 0.7, 200)
    await expectMean(mean, 0.15, scenario, permits(1), ({ latency }) => latency.mean)
    await expectMean(mean * Math.LN2, 0.15, scenario, permits(1), ({ latency }) => latency.p50)
    await expectMean(mean * Math.log(100), 0.25, scenario, permits(1), ({ latency }) => latency.p99)
  })

  test('M/M/20/20 at 70 %: without a queue, Erlang B are refused', async () => {
    const refused = ({ refused, attempts }: Result): number => refused.full / attempts
    await expectMean(erlangB(20, 14), 0.2, load(20, 0.7, 20), permits(20, 0), refused)
  })

  test.each([
    ['constant', constant(MEAN), 0],
    ['bimodal', bimodal(10, 110, 0.1), 900 / MEAN ** 2],
    ['log-normal', logNormal(MEAN, 0.8), Math.exp(0.8 ** 2) - 1],
  ])('M/G/1 at 70 %, $0: the mean wait is that of Pollaczek and Khinchine', async (_name, service, scv) => {
    const theory = ((0.7 / 0.3) * MEAN * (1 + scv)) / 2
    await expectMean(theory, 0.3, { ...load(1, 0.7, 200), service }, permits(1), ({ wait }) => wait.mean)
  })

  test.each([
    ['exponential', exponential(MEAN)],
    ['bimodal', bimodal(10, 110, 0.1)],
  ])(
    'M/G/1 at 70 %, processor sharing, $0: 2.33 are inside, whatever the distribution',
    async (_name, service) => {
      const scenario = { ...load(1, 0.7, 200), service, server: processorSharing(1) }
      const inside = ({ throughput, latency }: Result): number => (throughput * latency.mean) / 1000
      await expectMean(0.7 / 0.3, 0.15, scenario, noLimit, inside)
      await expectMean(0.7 / 0.3, 0.15, scenario, noLimit, ({ inUse }) => inUse)
    },
  )

  test('M/M/1 at 120 % with patience: as many leave the line as Barrer says', async () => {
    const [mu, lambda, patience] = [1 / MEAN, 1.2 / MEAN, 100]
    const stays = Math.exp(-(mu - lambda) * patience)
    const idle = 1 / (1 + (lambda * (1 - stays)) / (mu - lambda) + (lambda * stays) / mu)
    const theory = (idle * lambda * stays) / mu
    const scenario = { ...load(1, 1.2, 100), clients: { patience } }
    const left = ({ gaveUp, wasted, offered }: Result): number => (gaveUp - wasted) / offered
    await expectMean(theory, 0.1, scenario, permits(1), left)
  })

  test.each([10, 44, 100])('USL with %i inside: the throughput is what the law says', async (inside) => {
    const slower = 1 + 0.05 * (inside - 1) + 0.0005 * inside * (inside - 1)
    const theory = ((inside / slower) * 1000) / MEAN
    const scenario = { ...load(1, 20, 8), server: usl(0.05, 0.0005) }
    await expectMean(theory, 0.1, scenario, permits(inside, 50), ({ throughput }) => throughput)
  })
})

describe('Little’s law holds to the last bit', () => {
  // Arrivals end long before the window does, so nothing is cut off at its edge.
  const scenario: Scenario = {
    duration: 100_000,
    arrivals: function* (random) {
      for (const arrival of take(poisson(150)(random), 3000)) yield arrival
    },
    service: exponential(MEAN),
  }

  function* take<T>(from: Iterator<T>, count: number): Generator<T> {
    for (let i = 0; i < count; i++) yield from.next().value as T
  }

  test.each([
    ['in the line', permits(2)],
    ['inside', permits(4)],
  ])('%s', async (_name, makeLimiter) => {
    const { waiting, wait, inUse, latency, offered, succeeded, window } = await simulate(
      scenario,
      makeLimiter,
    )
    expect(offered).toBe(3000)
    expect(succeeded).toBe(3000)
    expect(waiting).toBeCloseTo((offered * wait.mean) / window, 9)
    expect(inUse).toBeCloseTo((offered * (latency.mean - wait.mean)) / window, 9)
  })
})

test('a line before c permits is a line before c servers: each request is answered at the same time', async () => {
  const scenario = load(5, 0.9, 30)
  const before = await simulate(scenario, permits(5))
  const inside = await simulate({ ...scenario, server: pool(5) }, noLimit)
  expect(before.wait.count).toBe(inside.wait.count)
  for (const name of ['mean', 'p50', 'p90', 'p99', 'max'] as const) {
    expect(before.latency[name]).toBeCloseTo(inside.latency[name], 6)
  }
  expect(inside.wait.max).toBe(0)
})
