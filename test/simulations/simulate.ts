import type { Clock, Limiter, Permit } from '@lineclear/core'
import type { Backend, Job } from './backends.ts'

export interface Simulation {
  readonly seed: number
  readonly seconds: number
  /** Requests a second, at so many seconds. */
  readonly rate: (second: number) => number
  /** The clients leave after so many ms: from the queue, and from inside where `leaveInside`. */
  readonly patience: number
  /** Whether clients leave from inside, too, and their work is taken back. Default: they stay, too late. */
  readonly leaveInside?: boolean
  /** How long a request takes alone, ms. `draw` gives numbers from 0 up to 1. */
  readonly demand: (draw: () => number) => number
  /** The share of requests whose answer is a stream: it holds its permit on, but no server. Default 0. */
  readonly streams?: number
  /** For how long, ms. Default 30,000. */
  readonly streamed?: number
  readonly backend: Backend
  readonly limiter: (
    clock: Clock,
  ) => Limiter & { readonly inUse: number; readonly waiting: number; readonly limit: number }
  /** What happens on the way: at so many seconds. */
  readonly events?: readonly (readonly [at: number, (backend: Backend, now: number) => void])[]
}

/** What happened in each second. */
export interface Result {
  /** Requests done within the patience of their client. */
  readonly good: number[]
  readonly offered: number[]
  readonly refused: number[]
  /** The limit at its end. */
  readonly limits: number[]
}

interface Request extends Job {
  readonly arrived: number
  readonly streams: boolean
  permit?: Permit
}

/**
 * Real limiters on simulated time: Poisson arrivals that do not depend on what the limiter does, so
 * that different limiters with the same seed see the same requests.
 */
export async function simulate(simulation: Simulation): Promise<Result> {
  const { seconds, patience, backend, demand, rate, leaveInside = false } = simulation
  const { streams = 0, streamed = 30_000 } = simulation
  const clock = new EventClock()
  const limiter = simulation.limiter(clock)
  const arrivals = random(simulation.seed)
  const demands = random(simulation.seed + 0x9e3779b9)
  const events = [...(simulation.events ?? [])]
  const end = seconds * 1000
  const result: Result = {
    good: new Array(seconds).fill(0),
    offered: new Array(seconds).fill(0),
    refused: new Array(seconds).fill(0),
    limits: new Array(seconds).fill(0),
  }
  const inside: { at: number; request: Request }[] = []
  let insideHead = 0
  const streaming: { at: number; permit: Permit }[] = []
  let inUse = 0
  let waiting = 0
  let second = 0
  const count = (counts: number[]): void => {
    counts[second] = (counts[second] as number) + 1
  }
  const enter = (request: Request, permit: Permit): void => {
    inUse++
    request.permit = permit
    backend.start(request, clock.time)
    if (leaveInside) inside.push({ at: request.arrived + patience, request })
  }
  let arrival = exponential(1000 / rate(0), arrivals)

  for (;;) {
    let leaving = Number.POSITIVE_INFINITY
    if (leaveInside) {
      // Those who entered later may leave earlier, a little: close enough, and cheap.
      while (insideHead < inside.length && inside[insideHead]?.request.permit === undefined) insideHead++
      leaving = Math.max(inside[insideHead]?.at ?? leaving, clock.time)
    }
    const event = events[0] === undefined ? Number.POSITIVE_INFINITY : events[0][0] * 1000
    const streamEnd = streaming[0]?.at ?? Number.POSITIVE_INFINITY
    const now = Math.min(arrival, backend.next, clock.next, leaving, event, streamEnd)
    while (second < Math.min(seconds, Math.floor(now / 1000))) result.limits[second++] = limiter.limit
    if (now >= end) return result
    clock.time = now
    let settles = waiting > 0
    if (now === arrival) {
      arrival = now + exponential(1000 / rate(second), arrivals)
      count(result.offered)
      const request: Request = { arrived: now, demand: demand(demands), streams: demands() < streams }
      const permit = limiter.tryAcquire()
      if (permit !== undefined) enter(request, permit)
      else {
        waiting++
        settles = true
        limiter.acquire({ timeout: patience }).then(
          (permit) => {
            waiting--
            enter(request, permit)
          },
          () => {
            waiting--
            count(result.refused)
          },
        )
      }
    } else if (now === backend.next) {
      const request = backend.finish() as Request
      if (request.permit !== undefined) {
        if (now - request.arrived <= patience) count(result.good)
        if (request.streams) {
          streaming.push({ at: now + streamed, permit: request.permit })
        } else {
          inUse--
          request.permit.release('success')
        }
        delete request.permit
      }
    } else if (now === streamEnd) {
      inUse--
      streaming.shift()?.permit.release('success')
    } else if (now === leaving) {
      const { request } = inside[insideHead++] as { request: Request }
      backend.cancel(request, now)
      inUse--
      request.permit?.release('ignored')
      delete request.permit
    } else if (now === event) {
      events.shift()?.[1](backend, now)
    } else {
      clock.ring()
    }
    if (settles) {
      do await undefined
      while (limiter.inUse !== inUse || limiter.waiting !== waiting)
    }
  }
}

export function exponential(mean: number, draw: () => number): number {
  return -mean * Math.log(1 - draw())
}

/** The sum of what happened from one second up to another. */
export function sum(counts: readonly number[], from = 0, to: number = counts.length): number {
  return counts.slice(from, to).reduce((total, count) => total + count, 0)
}

/** Numbers from 0 up to 1, the same for the same seed: mulberry32. */
function random(seed: number): () => number {
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

/** For few timers. */
class EventClock implements Clock {
  time = 0
  next: number = Number.POSITIVE_INFINITY
  readonly #timers = new Set<{ at: number; callback: () => void }>()

  now(): number {
    return this.time
  }

  setTimer(callback: () => void, ms: number): () => void {
    const timer = { at: this.time + ms, callback }
    this.#timers.add(timer)
    this.next = Math.min(this.next, timer.at)
    return () => {
      if (this.#timers.delete(timer)) this.#findNext()
    }
  }

  /** Rings all that are due. */
  ring(): void {
    for (const timer of [...this.#timers]) {
      if (timer.at > this.time || !this.#timers.delete(timer)) continue
      timer.callback()
    }
    this.#findNext()
  }

  #findNext(): void {
    this.next = Number.POSITIVE_INFINITY
    for (const { at } of this.#timers) this.next = Math.min(this.next, at)
  }
}
