import type { Clock } from './clock.ts'
import { type Linked, LinkedList } from './linked-list.ts'
import type { Waiter } from './waiter.ts'

// Longer delays overflow setTimeout's 32 bits and fire at once.
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * The time-outs of one semaphore. Waiters with the same time-out expire in the order they came, so
 * each time-out value is a lane with one timer for its first waiter: O(1) to join and to leave.
 */
export class Deadlines {
  readonly #lanes = new Map<number, Lane>()
  readonly #clock: Clock
  readonly #expire: (waiter: Waiter) => void

  constructor(clock: Clock, expire: (waiter: Waiter) => void) {
    this.#clock = clock
    this.#expire = expire
  }

  add(waiter: Waiter, timeout: number): void {
    let lane = this.#lanes.get(timeout)
    if (lane === undefined) {
      lane = new Lane(this.#clock, this.#expire, () => this.#lanes.delete(timeout))
      this.#lanes.set(timeout, lane)
    }
    const deadline = new Deadline(waiter, this.#clock.now() + timeout, lane)
    waiter.deadline = deadline
    lane.add(deadline)
  }

  /** Does nothing for a waiter without a deadline. */
  remove(waiter: Waiter): void {
    waiter.deadline?.cancel()
  }
}

export class Deadline implements Linked<Deadline> {
  prev: Deadline | undefined = undefined
  next: Deadline | undefined = undefined
  readonly waiter: Waiter
  readonly at: number
  #lane: Lane | undefined

  constructor(waiter: Waiter, at: number, lane: Lane) {
    this.waiter = waiter
    this.at = at
    this.#lane = lane
  }

  /** Later calls do nothing. */
  cancel(): void {
    this.#lane?.remove(this)
    this.#lane = undefined
  }
}

class Lane {
  readonly #deadlines = new LinkedList<Deadline>()
  readonly #clock: Clock
  readonly #expire: (waiter: Waiter) => void
  readonly #retire: () => void
  #cancel: (() => void) | undefined
  /** What the timer is set for. */
  #due = 0

  constructor(clock: Clock, expire: (waiter: Waiter) => void, retire: () => void) {
    this.#clock = clock
    this.#expire = expire
    this.#retire = retire
  }

  add(deadline: Deadline): void {
    this.#deadlines.append(deadline)
    if (this.#deadlines.size === 1) this.#arm(deadline)
  }

  remove(deadline: Deadline): void {
    this.#deadlines.remove(deadline)
    if (this.#deadlines.size > 0) return
    this.#cancel?.()
    this.#retire()
  }

  #arm(first: Deadline): void {
    const now = this.#clock.now()
    const wait = Math.min(Math.max(Math.ceil(first.at - now), 1), LONGEST_TIMER)
    this.#due = Math.min(first.at, now + wait)
    this.#cancel = this.#clock.setTimer(this.#ring, wait)
  }

  readonly #ring = (): void => {
    // What the timer was set for is due, also where fake timers leave `now` behind.
    const now = Math.max(this.#clock.now(), this.#due)
    let first = this.#deadlines.first
    for (; first !== undefined && first.at <= now; first = this.#deadlines.first) this.#expire(first.waiter)
    if (first !== undefined) this.#arm(first)
  }
}
