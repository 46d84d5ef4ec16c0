import { checkDuration, checkOptions } from '../check.ts'
import type { Clock } from '../clock.ts'
import type { Waiter } from '../waiter.ts'
import { Fifo } from './fifo.ts'
import { checkLimit } from './line.ts'
import type { Queue, QueueHost } from './queue.ts'

export interface CodelOptions {
  /** How many may wait; 0 for none. Default Infinity. */
  limit?: number | undefined
  /** The wait in ms that is well at any time. Default 5. */
  target?: number | undefined
  /** How long in ms every wait has to have been above the target before any is too long. Default 100. */
  interval?: number | undefined
}

/**
 * First come, first served, and sheds those who waited too long: while even the shortest wait of the
 * last interval was above the target, whoever comes to the front after more than twice the target is
 * turned away, so that those behind are served in time. A full queue refuses the newcomer.
 *
 * For work that takes milliseconds. Where it takes longer, give a target and an interval to match.
 *
 * Nichols and Jacobson, "Controlling Queue Delay" (ACM Queue 10/5, 2012), in the form for servers of
 * facebook/folly, `folly/executors/Codel.cpp`.
 *
 * @throws TypeError or RangeError for a bad option, naming it.
 */
export function codel(options: CodelOptions = {}): Queue {
  checkOptions('codel', options, ['limit', 'target', 'interval'])
  const { limit = Infinity, target = 5, interval = 100 } = options
  checkLimit('codel', limit)
  checkDuration('codel target', target)
  checkDuration('codel interval', interval)
  return new Codel(limit, target, interval)
}

class Codel extends Fifo {
  readonly #target: number
  readonly #interval: number
  #clock!: Clock
  #intervalEnds = 0
  #shortest = 0
  #overloaded = false
  #serving = false

  constructor(limit: number, target: number, interval: number) {
    super(limit)
    this.#target = target
    this.#interval = interval
  }

  attach({ clock }: QueueHost): void {
    this.#clock = clock
  }

  override push(newcomer: Waiter): Waiter | undefined {
    newcomer.place = this.#clock.now()
    return super.push(newcomer)
  }

  serve(waiter: Waiter): void {
    this.#serving = true
    this.remove(waiter)
  }

  /** Who goes in without having been served has not waited at all. */
  admitted(): void {
    if (!this.#serving) this.#shortest = 0
    this.#serving = false
  }

  sheds(next: Waiter): boolean {
    const now = this.#clock.now()
    const wait = now - (next.place as number)
    if (now > this.#intervalEnds) {
      this.#overloaded = this.#shortest > this.#target
      this.#intervalEnds = now + this.#interval
      this.#shortest = wait
      // One at least goes in between two intervals in which others are shed.
      return false
    }
    this.#shortest = Math.min(this.#shortest, wait)
    return this.#overloaded && wait > 2 * this.#target
  }
}
