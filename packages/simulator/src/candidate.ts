import type { Clock, Limiter, RejectedError } from '@lineclear/core'
import type { Random } from './random.ts'

/** What a limiter is made with, to be part of a simulation. */
export interface Surroundings {
  /** The simulated time. A limiter that takes its time elsewhere does not work here. */
  readonly clock: Clock
  /** Randomness of its own. */
  readonly random: Random
}

/** Makes a limiter of its own for each simulation. */
export type MakeLimiter = (surroundings: Surroundings) => Limiter | Candidate

/** A limiter with what its adapter would add. */
export interface Candidate {
  readonly limiter: Limiter
  /** Retry-After of a refusal, in seconds. Default: that of the error, if it has one. */
  readonly retryAfter?: ((error: RejectedError) => number | undefined) | undefined
}
