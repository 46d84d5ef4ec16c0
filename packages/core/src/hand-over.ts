import { LinkedList } from './linked-list.ts'
import type { Waiter } from './waiter.ts'

const settled = Promise.resolve()

/**
 * Waiters that hold their permits but have not been told yet, in the order of the grants. Until it is
 * told, a waiter can still give up. One is told a microtask, so that it runs before the next is told:
 * if it cancels the next one, it does so in time.
 */
export class HandOver {
  readonly #granted = new LinkedList<Waiter>()
  readonly #tell: (waiter: Waiter) => void
  #scheduled = false

  constructor(tell: (waiter: Waiter) => void) {
    this.#tell = tell
  }

  get size(): number {
    return this.#granted.size
  }

  add(waiter: Waiter): void {
    waiter.granted = true
    this.#granted.append(waiter)
    if (!this.#scheduled) this.#schedule()
  }

  remove(waiter: Waiter): void {
    this.#granted.remove(waiter)
  }

  #schedule(): void {
    this.#scheduled = true
    settled.then(this.#tellNext)
  }

  readonly #tellNext = (): void => {
    this.#scheduled = false
    const next = this.#granted.first
    if (next === undefined) return
    this.#granted.remove(next)
    this.#tell(next)
    if (this.#granted.size > 0) this.#schedule()
  }
}
