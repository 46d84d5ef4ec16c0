import { adaptive, adaptiveLifo, BoundedSemaphore, gradient2, probedLittle } from '@lineclear/core'
import { exponential, poisson, pool, simulate } from '@lineclear/simulator'
import { describe, expect, test } from 'vitest'
import {
  calm,
  changes,
  hour,
  limits,
  overload,
  refused,
  runAdaptive,
  type Scenario,
  share,
} from './adaptive-scenarios.ts'

// A sample of the numbers; adaptive.ts makes them all. One seed that the constants were chosen on, and one
// that they were not.
const SEEDS = [1, 101]

/** Two hundred servers take longer than all the others together. */
const quick = overload.filter(({ name }) => name !== '200 servers').map(lighter)

describe.each(SEEDS)('probedLittle, seed %i', (seed) => {
  test.each(quick)('$name: at least $target % of the best fixed limit', async (scenario) => {
    expect(await share(scenario, probedLittle(), seed)).toBeGreaterThanOrEqual(scenario.target)
  })

  test.each(calm)('$name at 70 % load: refuses at most $refused %', async (scenario) => {
    expect(await refused(scenario, probedLittle(), seed)).toBeLessThanOrEqual(scenario.refused)
  })
})

test.each(changes.map(lighter))('$name: at least $target % of it ten seconds later', async (scenario) => {
  expect(await share(scenario, probedLittle(), 101)).toBeGreaterThanOrEqual(scenario.target)
})

test('200 servers: at least 98 % of what they can do', async () => {
  const scenario: Scenario = { ...(overload[1] as Scenario), seconds: 15, warmUp: 5 }
  const { goodput } = await runAdaptive(scenario, probedLittle(), 1)
  expect(goodput).toBeGreaterThan(0.98 * 10_000)
})

test('an hour of overload: probedLittle stays within four times the servers, gradient2 does not', async () => {
  // Holds ten times as long, and a tenth of the requests: the hour is as long, and sooner over.
  const run = async (algorithm: ReturnType<typeof probedLittle>) =>
    limits(await runAdaptive({ ...hour, slowdown: 10 }, algorithm, 1))
  const found = await run(probedLittle())
  expect(found).toHaveLength(3600)
  expect(Math.max(...found)).toBeLessThanOrEqual(80)
  expect(Math.min(...found)).toBeGreaterThanOrEqual(5)
  expect((await run(gradient2())).at(-1)).toBe(200)
})

test('clients that leave from inside, too, do not hide that the limit is far too high', async () => {
  const result = await simulate(
    {
      seed: 1,
      duration: 60_000,
      drain: 0,
      arrivals: poisson(2000),
      service: exponential(20),
      server: pool(20),
      clients: { patience: 250, whenLeft: 'cancel', outcomeWhenLeft: 'ignored' },
    },
    ({ clock }) => adaptive(new BoundedSemaphore(400, { queue: adaptiveLifo(), clock }), probedLittle()),
  )
  expect(limits(result).at(-1)).toBeLessThanOrEqual(80)
})

/** Two of the fixed limits, which are as good as the best or nearly. */
function lighter(scenario: Scenario): Scenario {
  const middle = Math.ceil(scenario.fixed.length / 2)
  return { ...scenario, fixed: scenario.fixed.slice(middle - 1, middle + 1) }
}
