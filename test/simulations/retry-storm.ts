import { adaptiveLifo, BoundedSemaphore, observed } from '@lineclear/core'
import { exponential, type MakeLimiter, pool, type Result, simulate, steps } from '@lineclear/simulator'
import { Calendar } from '../../packages/http/src/calendar.ts'

/** Twenty servers that take 20 ms on average: a thousand requests a second. */
const SERVERS = 20
const CAPACITY = 1000
const START = 20_000
const END = 30_000

/** What Retry-After says: the calendar of refused clients, or a second and up to half as much again. */
export type Policy = 'calendar' | 'one second'

function limiterWith(policy: Policy): MakeLimiter {
  return ({ clock, random }) => {
    const semaphore = new BoundedSemaphore(SERVERS, { queue: adaptiveLifo(), clock })
    const calendar = new Calendar(semaphore, () => random.next())
    return {
      limiter: observed(semaphore, { released: ({ hold }) => calendar.held(hold, 1) }),
      retryAfter: () => (policy === 'calendar' ? calendar.next() : 1 + random.next() / 2),
    }
  }
}

export interface Storm {
  result: Result
  /** The most attempts in any second after the rush, in capacities. */
  peak: number
}

/** Three times the capacity for ten seconds, on .7 of it; clients come back up to seven times, when asked to. */
export async function retryStorm(policy: Policy, seed: number): Promise<Storm> {
  const arrivals = steps([
    [0, 0.7 * CAPACITY],
    [START, 3 * CAPACITY],
    [END, 0.7 * CAPACITY],
  ])
  const result = await simulate(
    {
      seed,
      duration: 150_000,
      arrivals,
      service: exponential(20),
      server: pool(SERVERS),
      clients: { patience: 10_000, retries: { tries: 8 } },
    },
    limiterWith(policy),
  )
  const after = result.series.filter(({ at }) => at >= END && at < 150_000)
  return { result, peak: Math.max(...after.map(({ attempts }) => attempts)) / CAPACITY }
}
