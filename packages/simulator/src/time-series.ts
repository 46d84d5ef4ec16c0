import type { Step } from './result.ts'
import { Sample } from './sample.ts'

/** How many of each kind are there, second by second. Levels hold until they are changed. */
export class TimeSeries {
  readonly steps: Step[] = []
  /** What happens now is counted here. */
  current: Step
  inUse = 0
  waiting = 0
  mostInUse = 0
  mostWaiting = 0
  /** Level times ms within the window. */
  inUseArea = 0
  waitingArea = 0
  readonly #length: number
  readonly #from: number
  readonly #to: number
  readonly #limit: () => number | undefined
  readonly #latency = new Sample()
  #now = 0
  #index = 0
  #ends: number

  /** The window, from one time to another, is what the areas are of. */
  constructor(length: number, from: number, to: number, limit: () => number | undefined) {
    this.#length = length
    this.#from = from
    this.#to = to
    this.#limit = limit
    this.#ends = length
    this.current = emptyStep(0, length)
  }

  /** Whether the time is in the window. */
  get counts(): boolean {
    return this.#now >= this.#from && this.#now <= this.#to
  }

  moveTo(time: number): void {
    while (time >= this.#ends) {
      this.#hold(this.#ends)
      this.#close(this.#length)
      this.#index++
      // Not by adding up: that drifts.
      this.#ends = (this.#index + 1) * this.#length
      this.current = emptyStep(this.#index * this.#length, this.#length)
    }
    this.#hold(time)
  }

  answer(latency: number): void {
    this.current.succeeded++
    this.#latency.add(latency)
  }

  /** Ends the last step now, unless it is empty. */
  end(): void {
    const length = this.#now - this.current.at
    if (length <= 0) return
    this.current = { ...this.current, length }
    this.#close(length)
  }

  #hold(time: number): void {
    const elapsed = time - this.#now
    if (elapsed <= 0) return
    // Not before time passes: one that is refused at once did not wait.
    this.mostInUse = Math.max(this.mostInUse, this.inUse)
    this.mostWaiting = Math.max(this.mostWaiting, this.waiting)
    this.current.inUse += this.inUse * elapsed
    this.current.waiting += this.waiting * elapsed
    const counted = Math.min(time, this.#to) - Math.max(this.#now, this.#from)
    if (counted > 0) {
      this.inUseArea += this.inUse * counted
      this.waitingArea += this.waiting * counted
    }
    this.#now = time
  }

  #close(length: number): void {
    const step = this.current
    step.inUse /= length
    step.waiting /= length
    step.limit = this.#limit()
    step.p50 = this.#latency.percentile(0.5)
    step.p99 = this.#latency.percentile(0.99)
    this.#latency.clear()
    this.steps.push(step)
  }
}

function emptyStep(at: number, length: number): Step {
  return {
    at,
    length,
    offered: 0,
    attempts: 0,
    admitted: 0,
    succeeded: 0,
    completed: 0,
    refused: 0,
    left: 0,
    inUse: 0,
    waiting: 0,
    limit: undefined,
    p50: Number.NaN,
    p99: Number.NaN,
  }
}
