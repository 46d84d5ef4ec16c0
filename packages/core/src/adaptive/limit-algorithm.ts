import type { Outcome } from '../limiter.ts'

/**
 * Finds a limit from what permits show as they are given back. It belongs to one adaptive limiter,
 * which alone calls it.
 */
export interface LimitAlgorithm {
  /** Called once, before all else, with the limit of the semaphore. Returns the limit to start with. */
  start(limit: number): number

  /**
   * Told of each permit that is given back. Returns the limit from now on: a whole number of at
   * least 1. `sample` is the limiter's own, and valid during the call only.
   */
  update(sample: Sample): number
}

/** What one permit shows as it is given back. */
export interface Sample {
  /** The time, ms on the limiter's clock. */
  readonly now: number
  /** How long the permit was held, ms. */
  readonly hold: number
  /** The permits that it stood for. */
  readonly weight: number
  /** `dropped` speaks of overload. `ignored` says nothing of load, so its hold is no latency. */
  readonly outcome: Outcome
  /** The permits of the semaphore that were in use until now, these included. */
  readonly inUse: number
  /** How many wait. */
  readonly waiting: number
  /** The semaphore's limit until now. */
  readonly limit: number
  /**
   * The permits in use through this limiter, summed over all time until now: permits times ms. The
   * difference between two samples is what Little's law calls L times T.
   */
  readonly area: number
}
