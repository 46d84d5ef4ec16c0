// biome-ignore-all lint/suspicious/noThenProperty: a promise is what it is
type Callback = (value: unknown) => unknown

/** Microtasks that have yet to run, in the order they were queued. None runs unless it is stepped. */
export const microtasks: Microtask[] = []

interface Microtask {
  run: () => void
  /** It only looks. */
  watches: boolean
}

export function step(): void {
  microtasks.shift()?.run()
}

/** The part of a promise that the core uses, on {@link microtasks}. It knows no thenables. */
export class SteppedPromise {
  #settled: { fulfilled: boolean; value: unknown } | undefined
  readonly #reactions: Microtask[] = []

  static resolve(value?: unknown): SteppedPromise {
    return new SteppedPromise((resolve) => resolve(value))
  }

  static reject(error: unknown): SteppedPromise {
    return new SteppedPromise((_, reject) => reject(error))
  }

  constructor(executor: (resolve: Callback, reject: Callback) => void) {
    executor(
      (value) => this.#settle(true, value),
      (error) => this.#settle(false, error),
    )
  }

  then(onFulfilled?: Callback, onRejected?: Callback): SteppedPromise {
    return new SteppedPromise((resolve, reject) => {
      const fulfill = onFulfilled === undefined ? resolve : (value: unknown) => resolve(onFulfilled(value))
      const recover = onRejected === undefined ? reject : (error: unknown) => resolve(onRejected(error))
      this.#react(fulfill, recover, false)
    })
  }

  /** As `then`, in a microtask that {@link microtasks} shows as one that only looks. */
  watch(onFulfilled: Callback, onRejected: Callback = onFulfilled): void {
    this.#react(onFulfilled, onRejected, true)
  }

  #react(onFulfilled: Callback, onRejected: Callback, watches: boolean): void {
    const run = (): void => {
      const { fulfilled, value } = this.#settled as { fulfilled: boolean; value: unknown }
      if (fulfilled) onFulfilled(value)
      else onRejected(value)
    }
    const queue = this.#settled === undefined ? this.#reactions : microtasks
    queue.push({ run, watches })
  }

  #settle(fulfilled: boolean, value: unknown): void {
    if (this.#settled !== undefined) return
    this.#settled = { fulfilled, value }
    microtasks.push(...this.#reactions.splice(0))
  }
}

/** Runs `work`, which has to be synchronous, with stepped promises in place of the platform's. */
export function withSteppedPromises<T>(work: () => T): T {
  const platform = globalThis.Promise
  const { then } = platform.prototype
  globalThis.Promise = SteppedPromise as never
  // Of a promise that was made before: the core has one, resolved with nothing.
  platform.prototype.then = (onFulfilled?: Callback | null): never =>
    SteppedPromise.resolve().then(onFulfilled ?? undefined) as never
  try {
    return work()
  } finally {
    globalThis.Promise = platform
    platform.prototype.then = then
    microtasks.length = 0
  }
}
