import type { Outcome } from './limiter.ts'

/** Ms. */
const A_MOMENT = 0.1

/**
 * Whether a permit was given back as it was taken, as `all` does when another limiter has none: nothing
 * was done under it, so how long it was held is no measure of anything.
 */
export function isHandedBack(hold: number, outcome: Outcome | undefined): boolean {
  return outcome === 'ignored' && hold < A_MOMENT
}
