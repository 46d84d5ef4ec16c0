import { adaptiveLifo, fifo } from '@lineclear/core'
import type { AccessLog } from './access-log.ts'
import { type Replay, replay, type Setting } from './replay.ts'
import type { Traffic } from './traffic.ts'

export interface Recommendation {
  readonly permits: number
  /** How many may wait. */
  readonly queue: number
  /** Ms. */
  readonly queueTimeout: number
  /** Whether `queue` and `queueTimeout` are what `limit({ permits })` has by itself. */
  readonly isDefault: boolean
  readonly replay: Replay
}

/** Of the requests, so many may wait longer than the bound. */
const MAY_BE_SLOW = 0.001
const LEAST_TIMEOUT = 5000

/**
 * The fewest permits with which at most one request in a thousand waits longer than `bound` ms, and a line
 * and a time-out with which nobody is refused. The line is twice as long as it ever got, and the time-out
 * twice as long as anybody waited; but neither below the defaults: ten times the permits and at least 100,
 * thirty times the mean duration and at least 5 s.
 */
export async function recommend(log: AccessLog, traffic: Traffic, bound: number): Promise<Recommendation> {
  const allowed = Math.floor(log.arrivals.length * MAY_BE_SLOW)
  // First come first served, each permit more lets nobody wait longer, so this can be searched by halves.
  let low = 1
  let high = Math.max(1, traffic.mostInside)
  while (low < high) {
    const middle = (low + high) >> 1
    if ((await replay(log, endless(middle), bound, allowed)) === undefined) low = middle + 1
    else high = middle
  }
  // The line of the recommendation lets some wait longer, so it may take a few more. With as many as ever
  // were inside, nobody waits.
  for (let permits = high; ; permits = Math.min(permits + 1 + (permits >> 5), traffic.mostInside)) {
    const found = await withPermits(permits, log, traffic, bound)
    if (found.replay.slow <= allowed || permits >= traffic.mostInside) return found
  }
}

async function withPermits(
  permits: number,
  log: AccessLog,
  traffic: Traffic,
  bound: number,
): Promise<Recommendation> {
  const { result } = (await replay(log, endless(permits), bound)) as Replay
  const ownQueue = Math.max(100, 10 * permits)
  const ownTimeout = Math.max(LEAST_TIMEOUT, wholeSeconds(30 * traffic.duration.mean))
  let queue = Math.max(ownQueue, 2 * result.mostWaiting)
  let queueTimeout = Math.max(ownTimeout, wholeSeconds(2 * result.wait.max))
  for (;;) {
    const isDefault = queue === ownQueue && queueTimeout === ownTimeout
    const setting = { permits, queue: () => adaptiveLifo({ limit: queue }), queueTimeout }
    const made = (await replay(log, isDefault ? { permits } : setting, bound)) as Replay
    if (made.result.failed === 0) return { permits, queue, queueTimeout, isDefault, replay: made }
    // The newest go first in a crowd, so the longest wait may be longer than first come first served.
    queue *= 2
    queueTimeout *= 2
  }
}

function endless(permits: number): Setting {
  return { permits, queue: () => fifo(), queueTimeout: Infinity }
}

function wholeSeconds(ms: number): number {
  return Math.ceil(ms / 1000) * 1000
}
