import type { Clock } from '@lineclear/core'
import { LONGEST_TIMER } from './longest-timer.ts'

/** Whether a promise that never rejects resolves within so many ms of a clock. */
export function within(promise: Promise<void>, ms: number, clock: Clock): Promise<boolean> {
  if (ms === Infinity) return promise.then(() => true)
  return new Promise((resolve) => {
    const cancel = clock.setTimer(() => resolve(false), Math.min(ms, LONGEST_TIMER))
    promise.then(() => {
      cancel()
      resolve(true)
    })
  })
}
