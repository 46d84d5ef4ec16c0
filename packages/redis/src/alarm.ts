/** In ms. Longer delays overflow setTimeout's 32 bits and fire at once. */
export const LONGEST_TIMER: number = 2 ** 31 - 1

/**
 * Calls back at a time that is often put off: setting it to later costs no new timer. It does not keep the
 * process alive, unless it is told to.
 */
export class Alarm {
  readonly #ring: () => void
  #at = Infinity
  #timer: ReturnType<typeof setTimeout> | undefined
  #timerAt = Infinity
  #keepsAlive = false

  constructor(ring: () => void) {
    this.#ring = ring
  }

  /** When it rings, on `performance.now()`; Infinity for not at all. Another time takes the place of the last. */
  set(at: number): void {
    this.#at = at
    if (at < this.#timerAt) this.#start(at)
  }

  /** From now on it keeps the process alive, until it is stopped. */
  keepAlive(): void {
    this.#keepsAlive = true
    this.#timer?.ref?.()
  }

  /** Leaves no timer behind. */
  stop(): void {
    this.#at = Infinity
    this.#timerAt = Infinity
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #start(at: number): void {
    clearTimeout(this.#timer)
    this.#timerAt = at
    const wait = Math.min(Math.max(0, Math.ceil(at - performance.now())), LONGEST_TIMER)
    this.#timer = setTimeout(this.#due, wait)
    if (!this.#keepsAlive) this.#timer.unref?.()
  }

  readonly #due = (): void => {
    this.#timer = undefined
    this.#timerAt = Infinity
    if (this.#at === Infinity) return
    if (this.#at > performance.now()) {
      this.#start(this.#at)
      return
    }
    this.#at = Infinity
    this.#ring()
  }
}
