/** Where time comes from. Give a semaphore another one to run it on simulated time. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number
  /** Calls back once, `ms` from now. Returns what `clearTimer` takes. */
  setTimer(callback: () => void, ms: number): unknown
  clearTimer(timer: unknown): void
}

/** The platform's clock. It looks its functions up at each call, so fake timers work. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (callback, ms) => setTimeout(callback, ms),
  clearTimer: (timer) => clearTimeout(timer as number),
}
