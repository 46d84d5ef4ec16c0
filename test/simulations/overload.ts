import { adaptive, adaptiveLifo, BoundedSemaphore, codel, fifo, lifo, probedLittle } from '@lineclear/core'
import {
  type Arrivals,
  exponential,
  type MakeLimiter,
  noLimit,
  poisson,
  pool,
  type Result,
  simulate,
  steps,
} from '@lineclear/simulator'

/** Twenty servers that take 20 ms on average: a thousand requests a second. */
export const CAPACITY = 1000
const SERVERS = 20

export const candidates: Record<string, MakeLimiter> = {
  'no limit': noLimit,
  'fifo(1000)': ({ clock }) => new BoundedSemaphore(SERVERS, { queue: fifo(1000), clock }),
  'fifo(100)': ({ clock }) => new BoundedSemaphore(SERVERS, { queue: fifo(100), clock }),
  'lifo(1000)': ({ clock }) => new BoundedSemaphore(SERVERS, { queue: lifo(1000), clock }),
  'codel()': ({ clock }) => new BoundedSemaphore(SERVERS, { queue: codel({ limit: 1000 }), clock }),
  // What `limit({ permits: 20 })` has.
  'the default': ({ clock }) => new BoundedSemaphore(SERVERS, { queue: adaptiveLifo(), clock }),
  'probedLittle()': ({ clock }) =>
    adaptive(new BoundedSemaphore(SERVERS, { queue: adaptiveLifo(), clock }), probedLittle()),
}

export function overload(name: string, seed: number, load: number, patience: number): Promise<Result> {
  return run(name, seed, poisson(load * CAPACITY), patience, 60_000)
}

/** Twice the capacity for thirty seconds, and then .7 of it. */
export function rush(name: string, seed: number): Promise<Result> {
  const arrivals = steps([
    [0, 2 * CAPACITY],
    [30_000, 0.7 * CAPACITY],
  ])
  return run(name, seed, arrivals, 250, 35_000)
}

function run(
  name: string,
  seed: number,
  arrivals: Arrivals,
  patience: number,
  duration: number,
): Promise<Result> {
  return simulate(
    { seed, duration, arrivals, service: exponential(20), server: pool(SERVERS), clients: { patience } },
    candidates[name] as MakeLimiter,
  )
}
