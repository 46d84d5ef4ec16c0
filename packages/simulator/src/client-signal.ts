type Listener = EventListenerOrEventListenerObject

/**
 * An AbortSignal for code that only listens to it, which is what limiters do. A real one costs more than
 * all else in a simulated wait. `AbortSignal.any` and the platform's own functions do not take it.
 */
export class ClientSignal implements AbortSignal {
  onabort: ((this: AbortSignal, event: Event) => unknown) | null = null
  #aborted = false
  #reason: unknown
  #listeners: Listener[] = []

  get aborted(): boolean {
    return this.#aborted
  }

  // biome-ignore lint/suspicious/noExplicitAny: as AbortSignal has it
  get reason(): any {
    return this.#reason
  }

  throwIfAborted(): void {
    if (this.#aborted) throw this.#reason
  }

  /** All listeners are called once, since there is one event. */
  addEventListener(type: string, listener: Listener | null): void {
    if (type !== 'abort' || listener === null || this.#listeners.includes(listener)) return
    this.#listeners.push(listener)
  }

  removeEventListener(type: string, listener: Listener | null): void {
    if (type === 'abort') this.#listeners = this.#listeners.filter((other) => other !== listener)
  }

  dispatchEvent(event: Event): boolean {
    if (event.type !== 'abort') return true
    this.onabort?.(event)
    for (const listener of this.#listeners) {
      if (typeof listener === 'function') listener.call(this, event)
      else listener.handleEvent(event)
    }
    return true
  }

  abort(reason: unknown): void {
    if (this.#aborted) return
    this.#aborted = true
    this.#reason = reason
    this.dispatchEvent({ type: 'abort', target: this, currentTarget: this } as unknown as Event)
    this.#listeners = []
  }
}
