import { checkCount, checkNumber, checkOptions } from '../check.ts'
import type { LimitAlgorithm, Sample } from './limit-algorithm.ts'
import { RANGE_OPTIONS, Range, type RangeOptions } from './range.ts'
import { SampleWindow, type Summary, WINDOW_OPTIONS, type WindowOptions } from './sample-window.ts'

export interface Gradient2Options extends RangeOptions, WindowOptions {
  /** The lowest limit. Default 20. */
  min?: number | undefined
  /** The highest limit. Default 200. Under steady overload the limit drifts there: keep it low. */
  max?: number | undefined
  /** How many times the long-term hold is tolerated before the limit falls, 1 or more. Default 1.5. */
  tolerance?: number | undefined
  /** How far one window moves the limit towards the new one, above 0 up to 1. Default 0.2. */
  smoothing?: number | undefined
  /** The room for a queue that is added in each window, permits. Default 4. */
  queue?: number | undefined
  /** Windows in the long-term mean. Default 600. */
  longWindow?: number | undefined
}

/**
 * Compares the hold of each window with its long-term mean, and lowers the limit by their ratio. Drops
 * do not matter to it. Source: Netflix concurrency-limits, Gradient2Limit.
 *
 * Under overload that lasts, the long-term mean learns the overload, and the limit drifts to `max`
 * (within about 20 minutes with these defaults). `probedLittle` does not.
 *
 * @throws TypeError or RangeError for a bad option, naming it.
 */
export function gradient2(options: Gradient2Options = {}): LimitAlgorithm {
  return new Gradient2(options)
}

const WARM_UP = 10

class Gradient2 implements LimitAlgorithm {
  readonly #range: Range
  readonly #window: SampleWindow
  readonly #tolerance: number
  readonly #smoothing: number
  readonly #queue: number
  readonly #weight: number
  #long = 0
  #windows = 0

  constructor(options: Gradient2Options) {
    checkOptions('options', options, [
      ...RANGE_OPTIONS,
      ...WINDOW_OPTIONS,
      'tolerance',
      'smoothing',
      'queue',
      'longWindow',
    ])
    const { tolerance = 1.5, smoothing = 0.2, queue = 4, longWindow = 600 } = options
    checkNumber('tolerance', tolerance, 1)
    checkNumber('smoothing', smoothing, Number.MIN_VALUE, 1)
    checkNumber('queue', queue, 0)
    checkCount('longWindow', longWindow, 1)
    this.#range = new Range(options, 20, 200)
    this.#window = new SampleWindow(options)
    this.#tolerance = tolerance
    this.#smoothing = smoothing
    this.#queue = queue
    this.#weight = 2 / (longWindow + 1)
  }

  start(limit: number): number {
    return this.#range.start(limit)
  }

  update(sample: Sample): number {
    const summary = this.#window.add(sample)
    if (summary !== undefined) this.#learn(summary)
    return Math.floor(this.#range.limit)
  }

  #learn({ hold, inUse }: Summary): void {
    const weight = ++this.#windows <= WARM_UP ? 1 / this.#windows : this.#weight
    this.#long += weight * (hold - this.#long)
    // Of two that are 0, neither is longer.
    const ratio = this.#long === hold ? 1 : this.#long / hold
    // The overload is over, and the long-term mean has yet to forget it.
    if (ratio > 2) this.#long *= 0.95
    const { limit } = this.#range
    if (inUse < limit / 2) return
    const gradient = Math.min(Math.max(this.#tolerance * ratio, 0.5), 1)
    const next = limit * gradient + this.#queue
    this.#range.move(limit + this.#smoothing * (next - limit))
  }
}
