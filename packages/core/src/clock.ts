import { wrongType } from './check.ts'

/** Where time comes from. Give a semaphore another one to run it on simulated time. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number
  /** Calls back once, `ms` from now. Returns what cancels it. */
  setTimer(callback: () => void, ms: number): () => void
}

/** The platform's clock. It looks its functions up at each call, so fake timers work. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer: (callback, ms) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

export function checkClock(clock: Partial<Clock> | null): void {
  if (typeof clock?.now !== 'function' || typeof clock.setTimer !== 'function') {
    throw wrongType('clock', 'a clock, with now and setTimer', clock)
  }
}
