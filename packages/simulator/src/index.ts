export {
  type Arrival,
  type Arrivals,
  type BurstsOptions,
  bursts,
  diurnal,
  pages,
  poisson,
  ramp,
  steps,
  trace,
  varying,
} from './arrivals.ts'
export type { AttemptOutcome, AttemptRecord } from './attempt.ts'
export type { Candidate, MakeLimiter, Surroundings } from './candidate.ts'
export {
  bimodal,
  choice,
  constant,
  type Distribution,
  exponential,
  keys,
  logNormal,
  uniform,
} from './distribution.ts'
export { noLimit } from './no-limit.ts'
export { Random } from './random.ts'
export { type Counts, type Result, refusedIn, type Step } from './result.ts'
export type { Summary } from './sample.ts'
export { type BackoffOptions, backoff, type Clients, type Retries, type Scenario } from './scenario.ts'
export { type Change, pool, processorSharing, type Server, unlimited, usl } from './server.ts'
export { simulate, type Watchers } from './simulate.ts'
export { VirtualClock } from './virtual-clock.ts'
