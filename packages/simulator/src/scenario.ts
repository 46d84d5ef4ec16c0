import type { Outcome, RejectionReason } from '@lineclear/core'
import type { Arrivals } from './arrivals.ts'
import type { Distribution } from './distribution.ts'
import type { Random } from './random.ts'
import type { Server } from './server.ts'

/** A load, and what has to bear it. Times are in ms. */
export interface Scenario {
  /** Chooses the random numbers. The same seed gives the same result. Default 1. */
  seed?: number | string | undefined
  /** How long requests come. What is under way then goes on to its end. */
  duration: number
  /** Requests that come in the first so many ms are not counted, nor is that time. Default 0. */
  warmUp?: number | undefined
  /** The longest that the simulation goes on after `duration`. Default 60,000. */
  drain?: number | undefined
  /** The length of a step of the time series. Default 1000. */
  bucket?: number | undefined
  /** When requests come. */
  arrivals: Arrivals
  /** The work of a request: the ms it would take alone. Arrivals that say it need none. */
  service?: number | Distribution | undefined
  /** What does the work. Default `unlimited()`: the permits alone limit it. */
  server?: Server | undefined
  /** How clients behave. Default: they wait for ever, and do not come back. */
  clients?: Clients | undefined
}

/** What a scenario may say. */
export const SCENARIO_FIELDS: readonly (keyof Scenario)[] = [
  'seed',
  'duration',
  'warmUp',
  'drain',
  'bucket',
  'arrivals',
  'service',
  'server',
  'clients',
]

export interface Clients {
  /** How many ms a client waits for the answer to an attempt; then it leaves. Default Infinity. */
  patience?: number | Distribution | undefined
  /**
   * What a client that leaves does to its work inside: `finish`, the work goes on and holds its permit;
   * `release`, the work goes on, its permit is given back at once; `cancel`, both end. A client that
   * still waits for a permit leaves the queue in any case. Default `finish`.
   */
  whenLeft?: 'finish' | 'release' | 'cancel' | undefined
  /** What the limiter is told at the release for a client that left. Default `ignored`. */
  outcomeWhenLeft?: Outcome | undefined
  /** Come back after a refusal. Default: never. */
  retries?: Retries | undefined
  /** Whose request it is. Default: nobody's. */
  key?: ((random: Random) => string | undefined) | undefined
  /** Default: none is given. */
  priority?: ((random: Random) => number | undefined) | undefined
  /** Permits that a request takes. Default 1. */
  weight?: ((random: Random) => number | undefined) | undefined
}

export interface Retries {
  /** Attempts in all, the first one counted. */
  tries: number
  /**
   * Whether the client waits as long as Retry-After asks, where the refusal has one; else it waits as
   * `backoff` says. Default true.
   */
  obey?: boolean | undefined
  /** Ms before the second, third and further attempts. Default: 1000, each with up to half as much again. */
  backoff?: ((attempt: number, random: Random) => number) | undefined
  /** Whether a client that left comes back too. Default false. */
  afterLeaving?: boolean | undefined
  /** Only after these refusals. Default: all of them. */
  reasons?: readonly RejectionReason[] | undefined
}

export interface BackoffOptions {
  /** Ms before the second attempt. Default 100. */
  base?: number | undefined
  /** How many times longer each further one takes. Default 2. */
  factor?: number | undefined
  /** The longest, in ms. Default 30,000. */
  most?: number | undefined
  /** The share of it that is random: 1 is anything from 0 to the whole, 0 is exact. Default 1. */
  jitter?: number | undefined
}

/** Exponential backoff, jittered. */
export function backoff(options: BackoffOptions = {}): (attempt: number, random: Random) => number {
  const { base = 100, factor = 2, most = 30_000, jitter = 1 } = options
  return (attempt, random) =>
    Math.min(most, base * factor ** (attempt - 2)) * (1 - jitter + jitter * random.next())
}
