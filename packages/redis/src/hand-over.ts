import type { Waiter } from './waiter.ts'

const settled = Promise.resolve()

/**
 * Tells waiters that they hold their permits, in the order of the grants, each in a microtask of its own:
 * until then it can give up, also when the one told before it makes it do so.
 */
export class HandOver {
  #granted: Waiter[] = []
  #next = 0

  /** It was granted its permit. */
  add(waiter: Waiter): void {
    this.#granted.push(waiter)
    if (this.#granted.length === 1) settled.then(this.#tell)
  }

  readonly #tell = (): void => {
    while (this.#next < this.#granted.length) {
      // Those that have given up need no turn.
      if (this.#granted[this.#next++]?.tell() && this.#next < this.#granted.length) {
        settled.then(this.#tell)
        return
      }
    }
    this.#granted = []
    this.#next = 0
  }
}
