import { adaptiveLifo, BoundedSemaphore, type Queue } from '@lineclear/core'
import type { Arrival } from '../../arrivals.ts'
import type { Result } from '../../result.ts'
import { simulate } from '../../simulate.ts'
import type { AccessLog } from './access-log.ts'

/** Settings to try on a log. */
export interface Setting {
  readonly permits: number
  /** Default: `adaptiveLifo()`. */
  readonly queue?: (() => Queue) | undefined
  /** Ms. Default: what the queue says, else 5000. */
  readonly queueTimeout?: number | undefined
  /** So many times the traffic: the same requests, so many times as fast. Default 1. */
  readonly load?: number | undefined
}

/** What settings would have done to the requests of a log. */
export interface Replay {
  readonly result: Result
  /** Requests that waited longer than the bound. */
  readonly slow: number
}

/**
 * Replays a log. Its durations are taken as what the requests take once they are inside, however many are.
 * Stops early, with undefined, if more than `most` wait longer than `bound` ms.
 */
export async function replay(
  log: AccessLog,
  setting: Setting,
  bound: number,
  most: number = Infinity,
): Promise<Replay | undefined> {
  const { permits, queue = adaptiveLifo, queueTimeout, load = 1 } = setting
  let slow = 0
  const duration = Math.max(1, (log.arrivals.at(-1) ?? 0) / load)
  try {
    const result = await simulate(
      {
        duration,
        drain: Infinity,
        bucket: Math.max(1, duration / 500),
        arrivals: () => requestsOf(log, load),
      },
      ({ clock }) => {
        const line = queue()
        const timeout = queueTimeout ?? (line.timeout === undefined ? 5000 : undefined)
        return new BoundedSemaphore(permits, { queue: line, timeout, clock })
      },
      {
        onAttempt({ at, admittedAt, endedAt }) {
          if ((admittedAt ?? endedAt) - at > bound && ++slow > most) throw TOO_SLOW
        },
      },
    )
    return { result, slow }
  } catch (error) {
    if (error === TOO_SLOW) return undefined
    throw error
  }
}

const TOO_SLOW = new Error('Too many waited too long')

function* requestsOf({ arrivals, durations }: AccessLog, load: number): Generator<Arrival> {
  for (let i = 0; i < arrivals.length; i++) {
    yield { at: (arrivals[i] as number) / load, service: durations[i] as number }
  }
}
