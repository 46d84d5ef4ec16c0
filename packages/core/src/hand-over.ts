import { LinkedList } from './linked-list.ts'
import type { Waiter } from './waiter.ts'

const settled = Promise.resolve()

/**
 * Tells waiters that they hold their permits, in the order of the grants. One with a signal is told in
 * a microtask of its own: until then it can give up, also when the one told before it cancels it. One
 * without a signal is told at once, unless others have yet to be told.
 */
export class HandOver {
  readonly #granted = new LinkedList<Waiter>()
  readonly #tell: (waiter: Waiter) => void
  #told = false
  #scheduled = false

  constructor(tell: (waiter: Waiter) => void) {
    this.#tell = tell
  }

  /** Whether somebody who was granted a permit in this turn, and had nobody behind it, has yet to run. */
  get busy(): boolean {
    return this.#told || this.#granted.size > 0
  }

  /** `last` says that nobody waits behind it. */
  add(waiter: Waiter, last: boolean): void {
    if (waiter.signal !== undefined || this.#granted.size > 0) {
      waiter.grant()
      this.#granted.append(waiter)
      this.#schedule()
      return
    }
    this.#tell(waiter)
    if (!last) return
    this.#told = true
    this.#schedule()
  }

  remove(waiter: Waiter): void {
    this.#granted.remove(waiter)
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    settled.then(this.#tellNext)
  }

  readonly #tellNext = (): void => {
    this.#scheduled = this.#told = false
    const next = this.#granted.first
    if (next === undefined) return
    this.#granted.remove(next)
    this.#tell(next)
    if (this.#granted.size > 0) this.#schedule()
  }
}
