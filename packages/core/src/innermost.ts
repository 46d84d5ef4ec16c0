import type { Limiter } from './limiter.ts'

/** The limiter whose permits these are, through all that say by `inner` whose they hand on; else itself. */
export function innermost(limiter: Limiter): Limiter {
  return limiter.inner === undefined ? limiter : innermost(limiter.inner)
}
