import { checkCount } from '../check.ts'

export interface RangeOptions {
  /** The limit to start with. Default: the semaphore's own. */
  initial?: number | undefined
  /** The lowest limit; less by default where the limit starts lower. */
  min?: number | undefined
  /** The highest limit; more by default where the limit starts higher. */
  max?: number | undefined
}

/** The names of these, for a check of all options. */
export const RANGE_OPTIONS = ['initial', 'min', 'max'] as const

/** A limit, where it starts, and between what it moves. */
export class Range {
  /** Not rounded. */
  limit = 1
  readonly #options: RangeOptions
  #min: number
  #max: number

  constructor(options: RangeOptions, min: number, max: number) {
    const { initial } = options
    this.#min = options.min ?? min
    this.#max = options.max ?? Math.max(max, this.#min)
    checkCount('min', this.#min, 1)
    checkCount('max', this.#max, 1)
    if (this.#max < this.#min) {
      if (options.min !== undefined) {
        throw new RangeError(`max must be at least the min of ${this.#min}; received ${this.#max}`)
      }
      this.#min = this.#max
    }
    if (initial !== undefined) checkCount('initial', initial, 1)
    this.#options = { initial, min: options.min, max: options.max }
  }

  /** Sets the limit to start with, from that of the semaphore, and returns it. */
  start(limit: number): number {
    const { initial = Math.max(1, limit), min, max } = this.#options
    if (min === undefined) this.#min = Math.min(this.#min, initial)
    if (max === undefined) this.#max = Math.max(this.#max, initial)
    return this.move(initial)
  }

  /** Moves the limit there, or as near as the range lets it, and returns it. */
  move(limit: number): number {
    this.limit = Math.min(Math.max(limit, this.#min), this.#max)
    return this.limit
  }
}
