import type { LoadSignal } from './adaptive/load-signal.ts'
import { checkCount, checkDuration, checkNumber, checkOptions } from './check.ts'
import { systemClock } from './clock.ts'

export interface EventLoopDelayOptions {
  /** The delay above which the process has too much to do, ms. Default 70. */
  threshold?: number | undefined
  /** The percentile of the delays that counts, above 0 up to 100. Default 90. */
  percentile?: number | undefined
  /** The shortest time that delays are put together for, ms. Default 1000. */
  window?: number | undefined
  /** How often the delay is measured, ms, at least 1. Default 10. */
  resolution?: number | undefined
}

/**
 * Watches how late the event loop comes to what is due: the load signal for work that keeps the
 * process itself busy, for `adaptive(semaphore, algorithm, { signal: eventLoopDelay() })`. The
 * threshold is that of toobusy-js. It does not keep the process alive; `close()` ends it.
 *
 * Node only: it needs `monitorEventLoopDelay` of node:perf_hooks.
 *
 * @throws TypeError or RangeError for a bad option, naming it, and Error where the platform has no
 * such monitor.
 */
export function eventLoopDelay(options: EventLoopDelayOptions = {}): EventLoopDelay {
  return new EventLoopDelay(options)
}

/** See {@link eventLoopDelay}. */
export class EventLoopDelay implements LoadSignal, Disposable {
  readonly #threshold: number
  readonly #percentile: number
  readonly #window: number
  readonly #resolution: number
  readonly #histogram: Histogram
  #delay = 0
  #since: number

  constructor(options: EventLoopDelayOptions = {}) {
    checkOptions('options', options, ['threshold', 'percentile', 'window', 'resolution'])
    const { threshold = 70, percentile = 90, window = 1000, resolution = 10 } = options
    checkDuration('threshold', threshold)
    checkNumber('percentile', percentile, Number.MIN_VALUE, 100)
    checkDuration('window', window)
    checkCount('resolution', resolution, 1)
    this.#threshold = threshold
    this.#percentile = percentile
    this.#window = window
    this.#resolution = resolution
    this.#histogram = monitor(resolution)
    this.#histogram.enable()
    this.#since = systemClock.now()
  }

  /** Whether the delay of the last window was above the threshold. */
  get overloaded(): boolean {
    return this.delay > this.#threshold
  }

  /** The percentile of the delays in the last window, ms. */
  get delay(): number {
    const now = systemClock.now()
    // After a reset the first measurement only begins one: where the loop hardly turns, wait for the next.
    if (now - this.#since >= this.#window && this.#histogram.count > 0) {
      // Node counts from one measurement to the next, so the time that lies between by intent as well.
      this.#delay = Math.max(0, this.#histogram.percentile(this.#percentile) / 1e6 - this.#resolution)
      this.#histogram.reset()
      this.#since = now
    }
    return this.#delay
  }

  /** Ends the measurements. From then on nothing is overloaded. */
  close(): void {
    this.#histogram.disable()
    this.#delay = 0
    this.#since = Infinity
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

interface Histogram {
  readonly count: number
  enable(): void
  disable(): void
  reset(): void
  /** In ns. */
  percentile(percentile: number): number
}

interface PerfHooks {
  monitorEventLoopDelay?(options: { resolution: number }): Histogram
}

interface NodeGlobals {
  process?: { getBuiltinModule?(name: 'node:perf_hooks'): PerfHooks | undefined }
}

/** No import: the core has none, so that it loads anywhere. */
function monitor(resolution: number): Histogram {
  const { process } = globalThis as NodeGlobals
  const histogram = process?.getBuiltinModule?.('node:perf_hooks')?.monitorEventLoopDelay?.({ resolution })
  if (histogram === undefined)
    throw new Error('eventLoopDelay needs monitorEventLoopDelay of node:perf_hooks')
  return histogram
}
