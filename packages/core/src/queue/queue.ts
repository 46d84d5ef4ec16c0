import type { Waiter } from '../waiter.ts'

/**
 * Who waits, who goes next, and who is turned away when there is no room. A queue belongs to one
 * semaphore, which alone calls it; a queue never settles a waiter itself.
 */
export interface Queue {
  /** How many wait. */
  readonly size: number

  /** Whether a newcomer would have no place now. A queue that does not say counts as not full. */
  readonly full?: boolean

  /**
   * Lets a newcomer join. Returns whoever has no place, the newcomer or somebody already waiting,
   * which is then no longer in the queue; or `undefined` when there is room for all.
   */
  push(newcomer: Waiter): Waiter | undefined

  /** Who goes next; stays in the queue until removed. `undefined` only when nobody waits. */
  peek(): Waiter | undefined

  /** Takes out a waiter of this queue: it goes in, gave up, or ran out of time. */
  remove(waiter: Waiter): void
}
