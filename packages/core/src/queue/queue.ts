import type { Clock } from '../clock.ts'
import type { Waiter } from '../waiter.ts'

/**
 * Who waits, who goes next, and who is turned away. A queue belongs to one semaphore, which alone calls
 * it; a queue never settles a waiter itself. All but the first four may be left out. But for `push`, none
 * may throw: the permit that is just going out or coming back would be lost.
 */
export interface Queue {
  /** How many wait. */
  readonly size: number

  /**
   * Lets a newcomer join. Returns whoever has no place, the newcomer or somebody already waiting,
   * which is then no longer in the queue; or `undefined` when there is room for all. An error it throws
   * is the newcomer's, which is then not in the queue either.
   */
  push(newcomer: Waiter): Waiter | undefined

  /** Who goes next; stays in the queue until removed. `undefined` only when nobody waits. */
  peek(): Waiter | undefined

  /** Takes out a waiter of this queue: it gave up, ran out of time, or is turned away; or goes in. */
  remove(waiter: Waiter): void

  /** Takes out who goes in, for a queue to which that is not the same as giving up. */
  serve?(waiter: Waiter): void

  /** Whether a newcomer would have no place now. A queue that does not say counts as not full. */
  readonly full?: boolean

  /** The longest wait in ms, where neither the semaphore nor the request says. Default Infinity. */
  readonly timeout?: number

  /** Called once, with what the queue may ask of the semaphore that takes it. */
  attach?(host: QueueHost): void

  /** Asked when there are permits for who goes next: true turns it away, as `shed`. */
  sheds?(next: Waiter): boolean

  /** Told of all who go in, also those who need not wait. */
  admitted?(weight: number, key: string | undefined): void

  /**
   * Told when permits come back, before they are given to others, and how many ms they were held:
   * `undefined` if nothing was done under them: who was to have them gave up, or they were given back as
   * they were taken, as `all` does where another limiter has none. A queue that wants this makes each
   * permit cost a little more.
   */
  released?(hold: number | undefined, weight: number, key: string | undefined): void
}

/** What a queue may ask of its semaphore. */
export interface QueueHost {
  readonly clock: Clock
  /** How many permits there are now; Infinity for a semaphore that does not know. */
  readonly limit: number
}
