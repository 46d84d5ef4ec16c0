import { checkNumber, checkOptions, wrongType } from '../check.ts'
import type { LimitAlgorithm, Sample } from './limit-algorithm.ts'
import { RANGE_OPTIONS, Range, type RangeOptions } from './range.ts'
import { SampleWindow, type Summary, WINDOW_OPTIONS, type WindowOptions } from './sample-window.ts'

export interface VegasOptions extends RangeOptions, WindowOptions {
  /** The lowest limit. Default 1. */
  min?: number | undefined
  /** The highest limit. Default 1000. */
  max?: number | undefined
  /** Measures the hold without load anew after half to all of this many times the limit, windows. Default 30. */
  probe?: number | undefined
  /** A number from 0 up to 1, for when to measure anew. Default Math.random. */
  random?: (() => number) | undefined
}

/**
 * Estimates from the hold, against the shortest one seen, how many of those inside are queueing, and
 * keeps that number small, as TCP Vegas. Source: Netflix concurrency-limits, VegasLimit, here always
 * fed by windows: by single samples it takes one lucky hold for the rule, and the limit collapses.
 *
 * @throws TypeError or RangeError for a bad option, naming it.
 */
export function vegas(options: VegasOptions = {}): LimitAlgorithm {
  return new Vegas(options)
}

class Vegas implements LimitAlgorithm {
  readonly #range: Range
  readonly #window: SampleWindow
  readonly #probe: number
  readonly #random: () => number
  #noLoad = Infinity
  #windows = 0
  #jitter: number

  constructor(options: VegasOptions) {
    checkOptions('options', options, [...RANGE_OPTIONS, ...WINDOW_OPTIONS, 'probe', 'random'])
    const { probe = 30, random = Math.random } = options
    checkNumber('probe', probe, 0)
    if (typeof random !== 'function') throw wrongType('random', 'a function', random)
    this.#range = new Range(options, 1, 1000)
    this.#window = new SampleWindow(options)
    this.#probe = probe
    this.#random = random
    this.#jitter = this.#draw()
  }

  start(limit: number): number {
    return this.#range.start(limit)
  }

  update(sample: Sample): number {
    const summary = this.#window.add(sample)
    if (summary !== undefined) this.#learn(summary)
    return this.#range.limit
  }

  #learn({ hold, inUse, dropped }: Summary): void {
    const { limit } = this.#range
    const isProbe = ++this.#windows >= this.#jitter * this.#probe * limit
    if (isProbe) {
      this.#windows = 0
      this.#jitter = this.#draw()
    }
    if (isProbe || hold < this.#noLoad) {
      this.#noLoad = hold
      return
    }
    this.#range.move(limit + this.#step(hold, inUse, dropped))
  }

  #step(hold: number, inUse: number, dropped: boolean): number {
    const { limit } = this.#range
    const unit = Math.max(1, Math.floor(Math.log10(limit)))
    if (dropped) return -unit
    if (2 * inUse < limit) return 0
    const queued = Math.ceil(limit * (1 - this.#noLoad / hold))
    if (queued <= unit) return 6 * unit
    if (queued < 3 * unit) return unit
    return queued > 6 * unit ? -unit : 0
  }

  #draw(): number {
    return (1 + this.#random()) / 2
  }
}
