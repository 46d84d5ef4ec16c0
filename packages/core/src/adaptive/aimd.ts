import { checkDuration, checkNumber, checkOptions } from '../check.ts'
import type { LimitAlgorithm, Sample } from './limit-algorithm.ts'
import { RANGE_OPTIONS, Range, type RangeOptions } from './range.ts'

export interface AimdOptions extends RangeOptions {
  /** The lowest limit. Default 20. */
  min?: number | undefined
  /** The highest limit. Default 200. */
  max?: number | undefined
  /** A permit held for longer, ms, counts as dropped. Default 5000. */
  timeout?: number | undefined
  /** What a drop multiplies the limit by, from 0.5 up to 1. Default 0.9. */
  backoff?: number | undefined
}

/**
 * Adds one to the limit for each permit that comes back in time while at least half of the limit is
 * in use, and takes a tenth away for each drop or late one. Source: Netflix concurrency-limits,
 * AIMDLimit. It finds the latency `timeout`, not the best throughput.
 *
 * @throws TypeError or RangeError for a bad option, naming it.
 */
export function aimd(options: AimdOptions = {}): LimitAlgorithm {
  return new Aimd(options)
}

class Aimd implements LimitAlgorithm {
  readonly #range: Range
  readonly #timeout: number
  readonly #backoff: number

  constructor(options: AimdOptions) {
    checkOptions('options', options, [...RANGE_OPTIONS, 'timeout', 'backoff'])
    const { timeout = 5000, backoff = 0.9 } = options
    checkDuration('timeout', timeout)
    checkNumber('backoff', backoff, 0.5, 1)
    this.#range = new Range(options, 20, 200)
    this.#timeout = timeout
    this.#backoff = backoff
  }

  start(limit: number): number {
    return this.#range.start(limit)
  }

  update({ outcome, hold, inUse }: Sample): number {
    const { limit } = this.#range
    if (outcome === 'dropped' || (outcome === 'success' && hold > this.#timeout)) {
      return this.#range.move(Math.floor(limit * this.#backoff))
    }
    return outcome === 'success' && 2 * inUse >= limit ? this.#range.move(limit + 1) : limit
  }
}
