import { checkCount, checkDuration } from '../check.ts'
import type { Sample } from './limit-algorithm.ts'

export interface WindowOptions {
  /** The shortest time that samples are put together for, ms. Default 1000. */
  window?: number | undefined
  /** The fewest samples that are put together; a window goes on until it has them. Default 10. */
  samples?: number | undefined
  /** Permits that were held for less than this, ms, are no samples. Default 0.1. */
  minHold?: number | undefined
}

export const WINDOW_OPTIONS = ['window', 'samples', 'minHold'] as const

/** What the samples of one window show. */
export interface Summary {
  /** The mean hold, ms. */
  readonly hold: number
  /** The most permits that were in use. */
  readonly inUse: number
  /** Whether any of them was dropped. */
  readonly dropped: boolean
}

/**
 * Puts samples together, for algorithms that a single one would mislead. Source: Netflix
 * concurrency-limits, WindowedLimit with its AverageSampleWindow. Ignored ones are left out.
 */
export class SampleWindow {
  readonly #window: number
  readonly #samples: number
  readonly #minHold: number
  #end: number | undefined
  #count = 0
  #sum = 0
  #inUse = 0
  #dropped = false

  constructor({ window = 1000, samples = 10, minHold = 0.1 }: WindowOptions) {
    checkDuration('window', window)
    checkCount('samples', samples, 1)
    checkDuration('minHold', minHold)
    this.#window = window
    this.#samples = samples
    this.#minHold = minHold
  }

  /** The window's summary if this sample ends it. */
  add({ outcome, hold, inUse, now }: Sample): Summary | undefined {
    if (outcome === 'ignored' || hold < this.#minHold) return undefined
    this.#end ??= now + this.#window
    this.#count++
    this.#sum += hold
    this.#inUse = Math.max(this.#inUse, inUse)
    this.#dropped ||= outcome === 'dropped'
    if (now < this.#end || this.#count < this.#samples) return undefined
    const summary = { hold: this.#sum / this.#count, inUse: this.#inUse, dropped: this.#dropped }
    this.#end = now + this.#window
    this.#count = this.#sum = this.#inUse = 0
    this.#dropped = false
    return summary
  }
}
