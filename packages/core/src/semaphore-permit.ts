import type { Permit } from './limiter.ts'

/** A permit that gives its weight back once. */
export class SemaphorePermit implements Permit {
  #give: ((weight: number) => void) | undefined
  readonly #weight: number

  constructor(give: (weight: number) => void, weight: number) {
    this.#give = give
    this.#weight = weight
  }

  release(): void {
    const give = this.#give
    if (give === undefined) return
    this.#give = undefined
    if (this.#weight > 0) give(this.#weight)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
