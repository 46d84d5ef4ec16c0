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
    waiter.deadline = new Deadline(waiter, this.#clock.now() + timeout, lane)
    lane.add(waiter.deadline)
  }

  /** Does nothing for a waiter without a deadline. */
  remove(waiter: Waiter): void {
    waiter.deadline?.lane.remove(waiter.deadline)
    waiter.deadline = undefined
  }
}

export class Deadline implements Linked<Deadline> {
  prev: Deadline | undefined = undefined
  next: Deadline | undefined = undefined
  readonly waiter: Waiter
  readonly at: number
  readonly lane: Lane

  constructor(waiter: Waiter, at: number, lane: Lane) {
    this.waiter = waiter
    this.at = at
    this.lane = lane
  }
}

class Lane {
  readonly #deadlines = new LinkedList<Deadline>()
  readonly #clock: Clock
  readonly #expire: (waiter: Waiter) => void
  readonly #retire: () => void
  #timer: unknown

  constructor(clock: Clock, expire: (waiter: Waiter) => void, retire: () => void) {
    this.#clock = clock
    this.#expire = expire
    this.#retire = retire
  }

  add(deadline: Deadline): void {
    this.#deadlines.append(deadline)
    if (this.#timer === undefined) this.#arm(deadline)
    else if (this.#deadlines.size === 1) setRef(this.#timer, true)
  }

  remove(deadline: Deadline): void {
    this.#deadlines.remove(deadline)
    // An idle timer stays armed, since the next waiter is likely near, but keeps no process alive.
    if (this.#deadlines.size === 0) setRef(this.#timer, false)
  }

  #arm(first: Deadline): void {
    const wait = Math.ceil(first.at - this.#clock.now())
    this.#timer = this.#clock.setTimer(this.#ring, Math.min(Math.max(wait, 1), LONGEST_TIMER))
  }

  readonly #ring = (): void => {
    this.#timer = undefined
    const now = this.#clock.now()
    let first = this.#deadlines.first
    for (; first !== undefined && first.at <= now; first = this.#deadlines.first) this.#expire(first.waiter)
    if (first === undefined) this.#retire()
    else this.#arm(first)
  }
}

function setRef(timer: unknown, on: boolean): void {
  // Node, Bun and Deno's node timers are objects; elsewhere a timer is a number.
  if (typeof timer !== 'object' || timer === null) return
  const { ref, unref } = timer as { ref?: () => void; unref?: () => void }
  ;(on ? ref : unref)?.call(timer)
}
