import type { Outcome, Permit } from './limiter.ts'

type Give = (weight: number, outcome?: Outcome) => void

/** A permit that gives its weight back once. */
export class SemaphorePermit implements Permit {
  #give: Give | undefined
  readonly #weight: number

  constructor(give: Give, weight: number) {
    this.#give = give
    this.#weight = weight
  }

  release(outcome?: Outcome): void {
    const give = this.#give
    if (give === undefined) return
    this.#give = undefined
    if (this.#weight > 0) give(this.#weight, outcome)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
