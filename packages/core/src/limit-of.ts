import type { Limiter } from './limiter.ts'

/** How many permits of a limiter a request with this key can have at most, where the limiter knows. */
export function limitOf(limiter: Limiter, key: string | undefined): number | undefined {
  return limiter.limitOf === undefined ? limiter.limit : limiter.limitOf(key)
}
