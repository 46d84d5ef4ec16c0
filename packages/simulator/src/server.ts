import { checkCount } from '@lineclear/core/check'
import { checkAmount, checkPositive } from './check.ts'

/**
 * What does the work of those inside. `servers` of them are worked on at once and the rest queue
 * there, first come first served; each of n advances at the speed `rate(n)`: 1 is a ms of work a ms.
 */
export interface Server {
  readonly servers: number
  readonly rate: (busy: number) => number
  /** In the order of their times. */
  readonly changes: readonly Change[]
}

/** From `at` (ms) on there are so many servers, and they work so many times as fast as at first. */
export interface Change {
  readonly at: number
  /** Those at work beyond a lower number finish first. Default: no change. */
  readonly servers?: number | undefined
  /** 0.5 is half as fast, 0 is an outage. Default: no change. */
  readonly speed?: number | undefined
}

const steady = (): number => 1

/** As many servers behind the limiter: with more permits than servers, requests queue inside. */
export function pool(servers: number, changes: readonly Change[] = []): Server {
  checkCount('pool servers', servers, 1)
  return { servers, rate: steady, changes: inOrder(changes) }
}

/** Any number at once, none slowing another down: the permits alone are the limit. */
export function unlimited(changes: readonly Change[] = []): Server {
  return { servers: Infinity, rate: steady, changes: inOrder(changes) }
}

/** Processors that all inside share evenly, each using at most one: n advance at cores / n. */
export function processorSharing(cores: number, changes: readonly Change[] = []): Server {
  checkPositive('processorSharing cores', cores)
  return { servers: Infinity, rate: (busy) => Math.min(1, cores / busy), changes: inOrder(changes) }
}

/**
 * Gunther's universal scalability law: each of n advances at 1 / (1 + sigma (n - 1) + kappa n (n - 1)),
 * so the throughput is highest at n = sqrt((1 - sigma) / kappa), and then falls.
 *
 * @param sigma the share of work that only one can do at a time.
 * @param kappa what each pair costs to agree.
 */
export function usl(sigma: number, kappa: number, changes: readonly Change[] = []): Server {
  checkAmount('usl sigma', sigma)
  checkAmount('usl kappa', kappa)
  return {
    servers: Infinity,
    rate: (busy) => 1 / (1 + sigma * (busy - 1) + kappa * busy * (busy - 1)),
    changes: inOrder(changes),
  }
}

function inOrder(changes: readonly Change[]): readonly Change[] {
  for (const { at, servers, speed } of changes) {
    checkAmount('change at', at)
    if (servers !== undefined) checkCount('change servers', servers)
    if (speed !== undefined) checkAmount('change speed', speed)
  }
  return [...changes].sort((a, b) => a.at - b.at)
}
