import { LONGEST_TIMER } from './longest-timer.ts'

/** Whether a promise that never rejects resolves within so many ms. */
export function within(promise: Promise<void>, ms: number): Promise<boolean> {
  if (ms === Infinity) return promise.then(() => true)
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, Math.min(ms, LONGEST_TIMER), false)
    promise.then(() => {
      clearTimeout(timer)
      resolve(true)
    })
  })
}
