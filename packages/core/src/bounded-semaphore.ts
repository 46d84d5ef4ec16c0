import { checkCount } from './check.ts'
import { Semaphore, type SemaphoreOptions } from './semaphore.ts'

/**
 * A semaphore that knows how many permits there are, as asyncio's `BoundedSemaphore`: releasing more
 * than was acquired throws a RangeError and changes nothing. A release too many while others are
 * inside cannot be told from theirs, so prefer `permit.release()`, which counts once.
 */
export class BoundedSemaphore extends Semaphore {
  #limit: number

  constructor(value: number = 1, options: SemaphoreOptions = {}) {
    super(value, options)
    this.#limit = value
    this.bind(value)
  }

  /** How many permits there are. */
  get limit(): number {
    return this.#limit
  }

  /** How many permits are out. More than `limit` only after the limit was lowered. */
  get inUse(): number {
    return this.used
  }

  /**
   * Changes the limit. Raising it lets waiters in at once. Lowering it revokes nothing: it takes
   * effect as permits are released, and a waiter that reaches the head with a weight above the new
   * limit is `evicted`. A limit of 0 is a pause: all wait.
   *
   * @throws TypeError or RangeError unless `limit` is a whole number of at least 0.
   */
  resize(limit: number): void {
    checkCount('limit', limit)
    this.#limit = limit
    this.bind(limit)
  }

  /**
   * Resolves when nothing is in use and nobody waits; at once if that is so now. It keeps nobody
   * out: for a shutdown, `close()` first.
   */
  drain(): Promise<void> {
    return this.whenIdle()
  }
}
