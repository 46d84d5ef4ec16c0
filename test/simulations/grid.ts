import { adaptiveLifo, BoundedSemaphore, codel, fifo, lifo, type Queue } from '@lineclear/core'
import {
  type Arrivals,
  bimodal,
  bursts,
  type Distribution,
  exponential,
  logNormal,
  type MakeLimiter,
  pages,
  poisson,
  Random,
  type Result,
  refusedIn,
  type Scenario,
  simulate,
} from '@lineclear/simulator'

/** A load that a queue may have to bear. */
export interface Load {
  permits: number
  /** Mean hold in ms. */
  mean: number
  service: string
  /** What is offered, in capacities. */
  load: number
  /** Ms that a client waits for its answer. */
  patience: number
  shape: string
  seed: number
}

const PERMITS = [2, 20, 200]
const MEANS = [5, 50, 500, 5000]
const SERVICES: Record<string, (mean: number) => Distribution> = {
  exponential,
  'log-normal': (mean) => logNormal(mean, 1),
  bimodal: (mean) => bimodal(mean / 2, mean * 5.5, 0.1),
}
const LOADS = [0.5, 0.7, 0.9, 1, 1.5, 2, 5, 10]
const PATIENCES = [250, 1000, 10_000, Infinity]
const SHAPES: Record<string, (rate: number, mean: number) => Arrivals> = {
  steady: (rate) => poisson(rate),
  retries: (rate) => poisson(rate),
  bursts: (rate, mean) => {
    const every = Math.max(5000, 100 * mean)
    return bursts({ rate: rate * 0.8, peak: rate * 2.8, every, length: every / 10 })
  },
  pages: (rate) => pages(poisson(rate / 6), 6),
}
/** In requests a second: what can be simulated for long enough. */
const FASTEST = 2000
const LEAST_ANSWERS = 3000
const LEAST_TIME = 15_000

/** So many loads, drawn at random from all combinations in which patience makes sense. */
export function loads(count: number, seed: number): Load[] {
  const random = new Random(seed, 'grid')
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random.next() * from.length)] as T
  const found: Load[] = []
  while (found.length < count) {
    const load: Load = {
      permits: pick(PERMITS),
      mean: pick(MEANS),
      service: pick(Object.keys(SERVICES)),
      load: pick(LOADS),
      patience: pick(PATIENCES),
      shape: pick(Object.keys(SHAPES)),
      seed: found.length + 1000 * seed,
    }
    // Nobody asks for work that takes longer than he waits.
    if (rateOf(load) <= FASTEST && load.patience >= load.mean) found.push(load)
  }
  return found
}

function rateOf({ permits, mean, load }: Load): number {
  return (load * permits * 1000) / mean
}

function scenarioOf(load: Load): Scenario {
  const { mean, service, patience, shape, seed } = load
  const rate = rateOf(load)
  // Until lines that stand are known to stand.
  const warmUp = 20 * mean
  const slowest = rate / Math.max(1, load.load)
  const duration = warmUp + Math.max(LEAST_TIME, 50 * mean, (LEAST_ANSWERS * 1000) / slowest)
  return {
    seed,
    duration,
    warmUp,
    arrivals: (SHAPES[shape] as (typeof SHAPES)[string])(rate, mean),
    service: (SERVICES[service] as (typeof SERVICES)[string])(mean),
    // Who gives up comes back as who is refused does.
    clients: { patience, ...(shape === 'retries' && { retries: { tries: 3, afterLeaving: true } }) },
  }
}

/** What stands in for the default, and what it is held against. */
export const candidates: Record<string, (permits: number) => MakeLimiter> = {
  'the default': (permits) => withQueue(permits, adaptiveLifo, {}),
  'fifo(100)': (permits) => withQueue(permits, () => fifo(100)),
  'fifo(10 x permits)': (permits) => withQueue(permits, () => fifo(tenfold(permits))),
  'lifo(10 x permits)': (permits) => withQueue(permits, () => lifo(tenfold(permits))),
  'codel()': (permits) => withQueue(permits, () => codel({ limit: tenfold(permits) })),
  'no queue': (permits) => withQueue(permits, () => fifo(0)),
}

function tenfold(permits: number): number {
  return Math.max(100, 10 * permits)
}

function withQueue(permits: number, queue: () => Queue, options = { timeout: 5000 } as object): MakeLimiter {
  return ({ clock }) => new BoundedSemaphore(permits, { queue: queue(), clock, ...options })
}

export interface Trial {
  load: Load
  results: Record<string, Result>
}

export async function tryLoad(load: Load, names = Object.keys(candidates)): Promise<Trial> {
  const results: Record<string, Result> = {}
  for (const name of names) {
    const make = candidates[name] as (permits: number) => MakeLimiter
    results[name] = await simulate(scenarioOf(load), make(load.permits))
  }
  return { load, results }
}

/** By how much of the best candidate's goodput another one misses it. */
export function regret({ load, results }: Trial, name: string): number {
  const best = Math.max(...Object.values(results).map((result) => goodput(result, load)))
  return best === 0 ? 0 : 1 - goodput(results[name] as Result, load) / best
}

/**
 * The share of the work that was not in vain, times the work that was done, in answers of the mean length.
 * Counted simply, answers would differ by the luck of who has much to ask for: by several per cent.
 */
function goodput({ goodput, throughput, inUse }: Result, { mean }: Load): number {
  return throughput === 0 ? 0 : ((goodput / throughput) * inUse * 1000) / mean
}

/** The share of attempts refused where there is room for all; `undefined` where there is not. */
export function falseRefusals({ load, results }: Trial, name: string): number | undefined {
  if (load.load > 0.7 || load.shape === 'bursts') return undefined
  const result = results[name] as Result
  return refusedIn(result) / result.attempts
}

export interface Summary {
  mean: number
  p95: number
  worst: number
}

export function summary(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  return {
    mean: sorted.reduce((sum, value) => sum + value, 0) / sorted.length,
    p95: sorted[Math.floor(0.95 * (sorted.length - 1))] ?? Number.NaN,
    worst: sorted.at(-1) ?? Number.NaN,
  }
}
