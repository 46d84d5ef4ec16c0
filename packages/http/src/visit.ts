import type { Limiter, Outcome, Permit } from '@lineclear/core'

/** One request's stay at one limiter: it arrives, perhaps waits, holds a permit, and ends once. */
export abstract class Visit {
  /** Its response is over: it wants no permit any more. */
  over = false
  limiter: Limiter | undefined
  key: string | undefined
  #permit: Permit | undefined

  /**
   * Attaches to the request before it asks for a permit. Returns how it ends if it need not ask:
   * `gone` if the response is over already, `admitted` if it is inside this limiter already.
   */
  abstract arrive(limiter: Limiter, key: string | undefined): 'gone' | 'admitted' | undefined

  /** Aborts when the client leaves. Asked for only when the request has to wait. */
  abstract leaving(): AbortSignal

  get holds(): boolean {
    return this.#permit !== undefined
  }

  /** Keeps the permit until the end, or hands it on if the end has come already. */
  hold(permit: Permit): void {
    if (this.over) permit.release('ignored')
    else this.#permit = permit
  }

  /** The response is over. Later calls do nothing. */
  end(outcome: Outcome): void {
    this.over = true
    const permit = this.#permit
    this.#permit = undefined
    permit?.release(outcome)
  }
}
