import { RejectedError } from '@lineclear/core'

// Longer delays overflow setTimeout's 32 bits and fire at once.
const LONGEST_TIMER = 2 ** 31 - 1

/** How long a caller waits: until its signal aborts, or its time is up. */
export class Patience {
  readonly #signal: AbortSignal | undefined
  readonly #lost: Promise<never>
  readonly #onAbort = (): void => this.#lose(this.#signal?.reason)
  readonly #timer: ReturnType<typeof setTimeout> | undefined
  #lose!: (error: unknown) => void

  /** @param timeout in ms; Infinity for ever */
  constructor(signal: AbortSignal | undefined, timeout: number) {
    this.#lost = new Promise((_, reject) => {
      this.#lose = reject
    })
    // Whoever races is told.
    this.#lost.catch(() => {})
    this.#signal = signal
    signal?.addEventListener('abort', this.#onAbort)
    if (timeout === Infinity) return
    const timeUp = (): void => this.#lose(new RejectedError('timeout'))
    this.#timer = setTimeout(timeUp, Math.min(timeout, LONGEST_TIMER))
  }

  /** What a promise settles with, unless patience is lost first: then it rejects, and says why. */
  async race<T>(promise: PromiseLike<T>): Promise<T> {
    const value = await Promise.race([promise, this.#lost])
    // It may have aborted between the answer and now.
    this.#signal?.throwIfAborted()
    return value
  }

  /** Later, nothing is lost any more. */
  end(): void {
    clearTimeout(this.#timer)
    this.#signal?.removeEventListener('abort', this.#onAbort)
  }
}
