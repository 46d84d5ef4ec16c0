import { checkOptions } from '../check.ts'
import { LinkedList } from '../linked-list.ts'
import { MeanHold } from '../mean-hold.ts'
import type { Waiter } from '../waiter.ts'
import { checkLimit } from './line.ts'
import type { Queue, QueueHost } from './queue.ts'

export interface AdaptiveLifoOptions {
  /** How many may wait; 0 for none. Default: ten times the permits there are, at least 100. */
  limit?: number | undefined
}

/** A queue that has not been empty for so many mean holds stands; and so many ms at least. */
const STANDING_HOLDS = 1
const STANDING_LEAST = 100
/** The longest wait: so many mean holds; and so many ms at least. */
const PATIENCE_HOLDS = 30
const PATIENCE_LEAST = 5000

/**
 * First come, first served, while the queue is empty now and then; the newest first while it stands.
 * In peace nobody is overtaken; in overload those are served who are still there, and not those who
 * are about to give up. A queue counts as standing when it has not been empty for a mean hold, at least
 * 100 ms. Full, it evicts the oldest waiter while it stands, and refuses the newcomer otherwise. Who has
 * waited for 30 mean holds, at least 5 s, is turned away, unless the semaphore or the request says
 * otherwise.
 *
 * After "Fail at Scale" (Maurer, ACM Queue 13/8, 2015), with its constants scaled to the time that permits
 * are held: docs/decisions/0014.
 *
 * @throws TypeError or RangeError for a limit that is not a whole number of at least 0.
 */
export function adaptiveLifo(options: AdaptiveLifoOptions = {}): Queue {
  return new AdaptiveLifo(options)
}

class AdaptiveLifo implements Queue {
  readonly #list = new LinkedList<Waiter>()
  readonly #limit: number | undefined
  #host!: QueueHost
  readonly #hold = new MeanHold()
  /** When it was empty last. */
  #emptyUntil = 0

  constructor(options: AdaptiveLifoOptions) {
    checkOptions('adaptiveLifo', options, ['limit'])
    if (options.limit !== undefined) checkLimit('adaptiveLifo', options.limit)
    this.#limit = options.limit
  }

  attach(host: QueueHost): void {
    this.#host = host
  }

  get size(): number {
    return this.#list.size
  }

  get full(): boolean {
    const limit = this.#most()
    return this.size >= limit && (limit === 0 || !this.#stands())
  }

  get timeout(): number {
    // In whole seconds: each time-out has a timer of its own.
    const patience = Math.ceil((this.#hold.ms * PATIENCE_HOLDS) / 1000) * 1000
    return Math.max(PATIENCE_LEAST, patience)
  }

  push(newcomer: Waiter): Waiter | undefined {
    const limit = this.#most()
    if (this.size === 0) this.#emptyUntil = this.#host.clock.now()
    if (this.size < limit) {
      this.#list.append(newcomer)
      return undefined
    }
    const oldest = this.#list.first
    if (oldest === undefined || !this.#stands()) return newcomer
    this.#list.remove(oldest)
    this.#list.append(newcomer)
    return oldest
  }

  peek(): Waiter | undefined {
    return this.size > 1 && this.#stands() ? this.#list.last : this.#list.first
  }

  remove(waiter: Waiter): void {
    this.#list.remove(waiter)
  }

  released(hold: number | undefined): void {
    if (hold !== undefined) this.#hold.add(hold)
  }

  #most(): number {
    return this.#limit ?? Math.max(100, 10 * this.#host.limit)
  }

  #stands(): boolean {
    const standing = Math.max(STANDING_LEAST, STANDING_HOLDS * this.#hold.ms)
    return this.size > 0 && this.#host.clock.now() - this.#emptyUntil > standing
  }
}
