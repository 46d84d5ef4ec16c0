import { checkCount, checkNumber, checkOptions } from '../check.ts'
import { isHandedBack } from '../handed-back.ts'
import type { LimitAlgorithm, Sample } from './limit-algorithm.ts'
import { RANGE_OPTIONS, Range, type RangeOptions } from './range.ts'

export interface ProbedLittleOptions extends RangeOptions {
  /** The lowest limit. A probe goes down to half of it. Default 2. */
  min?: number | undefined
  /** The highest limit. Default 1000. */
  max?: number | undefined
  /** The fewest completions that are measured together; never fewer than the limit. Default 100. */
  samples?: number | undefined
  /** The fewest completions that a probe measures; never fewer than half the limit. Default 50. */
  probeSamples?: number | undefined
  /** How many windows lie between two probes, if nothing surprises. Default 24. */
  probeEvery?: number | undefined
  /**
   * How many times longer than at half the limit a permit may be held. From 1, where half the limit
   * does half the work, to 2, where it does all of it. Default 1.65.
   */
  tolerance?: number | undefined
  /** How far one window moves the limit, above 0 up to 1. Default 0.25. */
  gain?: number | undefined
}

/**
 * Finds the limit above which more permits only wait for one another. The recommended algorithm.
 *
 * By Little's law the time that a permit is held for each completion is the permits in use, over time,
 * by the completions. Now and then the limit is halved for a moment: if that halves the time, the
 * other half did nothing; if it leaves the time as it was, they were all at work. The limit moves to
 * where it makes `tolerance` times of difference. What it compares with is measured under the same
 * load, so it does not drift. Source: our own, from simulations.
 *
 * A limit that does not bind, with permits free and nobody waiting, does not move.
 *
 * Only a `success` is a completion, but whoever is inside counts as long as they are: work that is
 * dropped, or whose client leaves, took its part of the permits and completed nothing. So a limit at
 * which many clients leave looks as bad as it is. Where half or more is dropped, or next to nothing
 * completes, there is nothing to compare: the limit falls until that ends.
 *
 * @throws TypeError or RangeError for a bad option, naming it.
 */
export function probedLittle(options: ProbedLittleOptions = {}): LimitAlgorithm {
  return new ProbedLittle(options)
}

// Natural logarithms of ratios between times.
const LARGEST_STEP = 0.7
const SURPRISE = 0.25
const LUCK = 0.2
const FAR_TOO_HIGH = Math.log(1.8)
const TOO_HIGH = Math.log(1.75)

type Phase = 'watch' | 'drain' | 'settle' | 'probe' | 'recover'

class ProbedLittle implements LimitAlgorithm {
  /** Its limit is not halved while probing. */
  readonly #range: Range
  readonly #samples: number
  readonly #probeSamples: number
  readonly #probeEvery: number
  readonly #tolerance: number
  readonly #gain: number
  #phase: Phase = 'watch'
  /** Releases until the phase ends, where it ends by them. */
  #toGo = 0
  #window = new Window()
  /** The logarithm of the time per completion at half the limit. Unknown before the first probe. */
  #base: number | undefined
  /** The same at the limit, in the last window and smoothed. */
  #time = 0
  #smooth: number | undefined
  /** Windows until the next probe, and since the last. */
  #left = 1
  #since = 0
  /** No probe has yet said that the limit is near where it should be. */
  #fresh = true
  #lucky = false

  constructor(options: ProbedLittleOptions) {
    checkOptions('options', options, [
      ...RANGE_OPTIONS,
      'samples',
      'probeSamples',
      'probeEvery',
      'tolerance',
      'gain',
    ])
    const { samples = 100, probeSamples = 50, probeEvery = 24, tolerance = 1.65, gain = 0.25 } = options
    checkCount('samples', samples, 1)
    checkCount('probeSamples', probeSamples, 1)
    checkCount('probeEvery', probeEvery, 1)
    checkNumber('tolerance', tolerance, 1, 2)
    checkNumber('gain', gain, Number.MIN_VALUE, 1)
    this.#range = new Range(options, 2, 1000)
    this.#samples = samples
    this.#probeSamples = probeSamples
    this.#probeEvery = probeEvery
    this.#tolerance = Math.log(tolerance)
    this.#gain = gain
  }

  start(limit: number): number {
    this.#range.start(limit)
    return this.#current
  }

  update(sample: Sample): number {
    // Nothing came or went by Little's law.
    if (sample.weight === 0) return this.#current
    if (isHandedBack(sample.hold, sample.outcome)) return this.#current
    switch (this.#phase) {
      case 'watch':
        if (this.#window.add(sample, Math.max(this.#samples, this.#range.limit))) this.#watched()
        break
      case 'drain':
        if (--this.#toGo <= 0 || sample.inUse - sample.weight <= this.#current) {
          this.#phase = 'settle'
          this.#toGo = this.#range.limit
        }
        break
      case 'settle':
        if (--this.#toGo <= 0) this.#begin('probe', sample)
        break
      case 'probe':
        if (this.#window.add(sample, Math.max(this.#probeSamples, this.#range.limit / 2))) this.#probed()
        break
      case 'recover':
        if (--this.#toGo <= 0) this.#begin('watch', sample)
    }
    return this.#current
  }

  get #current(): number {
    return this.#phase === 'drain' || this.#phase === 'settle' || this.#phase === 'probe'
      ? Math.ceil(this.#range.limit / 2)
      : Math.round(this.#range.limit)
  }

  #begin(phase: Phase, { now, area }: Sample): void {
    this.#phase = phase
    this.#window.start(now, area)
  }

  #watched(): void {
    const { time, binds, inUse, fails } = this.#window
    this.#window.restart()
    if (time === undefined) return
    if (fails) {
      if (binds) this.#scale(Math.exp(-this.#gain * LARGEST_STEP))
      return
    }
    if (!binds) {
      // Hardly busy: this is what the time is without others.
      if (inUse <= this.#range.limit / 2) {
        this.#base = this.#fresh || this.#base === undefined ? time : this.#base + 0.3 * (time - this.#base)
      }
      return
    }
    this.#time = time
    this.#smooth = this.#smooth === undefined ? time : this.#smooth + 0.4 * (time - this.#smooth)
    if (this.#base === undefined || --this.#left <= 0) {
      this.#fresh ||= this.#base === undefined
      this.#phase = 'drain'
      this.#toGo = this.#range.limit
      return
    }
    const room = this.#tolerance + this.#base - time
    this.#since++
    // A surprise: find out now.
    if (this.#tolerance + this.#base - this.#smooth < -SURPRISE && this.#since >= 4) this.#left = 0
    // One lucky window is no new base.
    const lucky = time < this.#base - LUCK
    if (lucky && this.#lucky) this.#base = time
    this.#lucky = lucky
    this.#scale(Math.exp(this.#gain * Math.min(Math.max(room, -LARGEST_STEP), LARGEST_STEP)))
  }

  #probed(): void {
    const { time, binds, fails } = this.#window
    this.#phase = 'recover'
    this.#toGo = 2 * this.#range.limit
    this.#left = this.#probeEvery
    if (time === undefined || !binds || fails) return
    const base = this.#base
    if (this.#fresh || base === undefined) {
      this.#base = time
    } else if (Math.abs(time - base) > SURPRISE) {
      this.#base = base + 0.6 * (time - base)
      this.#left = 3
    } else {
      this.#base = base + 0.3 * (time - base)
    }
    this.#since = 0
    if (this.#fresh && this.#time - time > FAR_TOO_HIGH) {
      this.#scale(0.6)
      this.#left = 0
      return
    }
    this.#fresh = false
    if ((this.#smooth ?? time) - (this.#base ?? time) > TOO_HIGH) {
      this.#scale(0.7)
      this.#left = 4
    }
  }

  #scale(factor: number): void {
    this.#range.move(this.#range.limit * factor)
  }
}

/** Adds up releases until there are enough of them. */
class Window {
  #started: number | undefined
  #startArea = 0
  #now = 0
  #area = 0
  #releases = 0
  #completions = 0
  #completed = 0
  #dropped = 0
  #bound = 0

  start(now: number, area: number): void {
    this.#started = now
    this.#startArea = area
    this.#releases = this.#completions = this.#completed = 0
    this.#dropped = this.#bound = 0
  }

  /** Starts anew where it ended. */
  restart(): void {
    this.start(this.#now, this.#area)
  }

  /** Whether there are enough: so many completions, or twice as many releases of any outcome. */
  add({ now, area, weight, outcome, inUse, waiting, limit }: Sample, enough: number): boolean {
    if (this.#started === undefined) {
      this.start(now, area)
      return false
    }
    this.#now = now
    this.#area = area
    this.#releases++
    if (outcome === 'success') {
      this.#completions++
      this.#completed += weight
    } else if (outcome === 'dropped') this.#dropped++
    if (waiting > 0 || inUse >= limit) this.#bound++
    return this.#completions >= enough || this.#releases >= 2 * enough
  }

  /** Whether the limit held somebody back, at half of the releases or more. */
  get binds(): boolean {
    return this.#bound >= this.#releases / 2
  }

  /** Whether half or more of the releases were drops, or hardly one in ten completed. */
  get fails(): boolean {
    return 2 * this.#dropped >= this.#releases || 10 * this.#completions < this.#releases
  }

  /** The mean of permits in use. */
  get inUse(): number {
    return (this.#area - this.#startArea) / (this.#now - (this.#started ?? 0))
  }

  /** The logarithm of the time that permits were in use for each that completed, if the clock saw any. */
  get time(): number | undefined {
    const area = this.#area - this.#startArea
    return area > 0 ? Math.log(area / Math.max(this.#completed, 1)) : undefined
  }
}
