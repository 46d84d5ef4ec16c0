import type { RejectionReason } from '@lineclear/core'
import type { Summary } from './sample.ts'

/** What became of requests. A request is what a client wants; it may take several attempts. */
export interface Counts {
  /** Requests that came. Each ends as one of succeeded, failed, gaveUp and unfinished. */
  offered: number
  /** Answered while the client was there. */
  succeeded: number
  /** Refused at the last attempt. */
  failed: number
  /** The client left, at the last attempt. */
  gaveUp: number
  /** Still under way when the simulation ended. */
  unfinished: number
  /** Attempts, retries counted. */
  attempts: number
  /** Attempts that got a permit. */
  admitted: number
  /** Attempts that waited for a permit, whether they got one or not. */
  waited: number
  /** Attempts whose work was begun but whose client had left before it ended. */
  wasted: number
  /** Attempts refused, by reason. */
  refused: Record<RejectionReason, number>
}

/** What a simulation found. Counts are of the requests that came after the warm-up, to their end. */
export interface Result extends Counts {
  readonly seed: number | string
  /** Ms from the warm-up's end to the last arrival's time: what the rates and means are over. */
  readonly window: number
  /** Answers a second that clients were there for, given in the window. */
  readonly goodput: number
  /** Pieces of work a second that ended in the window, whether somebody was there for them or not. */
  readonly throughput: number
  /** Ms from a client's first attempt to its answer. */
  readonly latency: Summary
  /** Ms from an attempt to its permit. */
  readonly wait: Summary
  /** Permits in use, on average over the window. */
  readonly inUse: number
  /** Attempts waiting for a permit, on average over the window. */
  readonly waiting: number
  /** The most permits ever in use. */
  readonly mostInUse: number
  /** The most attempts that ever waited. */
  readonly mostWaiting: number
  /** The requests of each key, where they have one. */
  readonly byKey: ReadonlyMap<string, Counts>
  /** The requests of each priority, where they have one. */
  readonly byPriority: ReadonlyMap<number, Counts>
  /** From 0 to the end of the last step, warm-up and drain included. */
  readonly series: readonly Step[]
}

/** A step of the time series. Counts are of what happened in it. */
export interface Step {
  /** Its start, in ms. */
  readonly at: number
  /** Ms that it lasts; the last one may be shorter. */
  readonly length: number
  /** Requests that came. */
  offered: number
  /** Attempts, retries counted. */
  attempts: number
  admitted: number
  /** Answers that clients were there for. */
  succeeded: number
  /** Pieces of work that ended. */
  completed: number
  refused: number
  /** Attempts given up by the client. */
  left: number
  /** On average over the step. */
  inUse: number
  /** On average over the step. */
  waiting: number
  /** As it is at the end of the step; undefined where the limiter does not tell. */
  limit: number | undefined
  /** Of the answers in the step, in ms; NaN if there were none. */
  p50: number
  p99: number
}

export function noCounts(): Counts {
  return {
    offered: 0,
    succeeded: 0,
    failed: 0,
    gaveUp: 0,
    unfinished: 0,
    attempts: 0,
    admitted: 0,
    waited: 0,
    wasted: 0,
    refused: { full: 0, evicted: 0, timeout: 0, shed: 0, closed: 0 },
  }
}

/** Attempts refused, for whatever reason. */
export function refusedIn({ refused }: Counts): number {
  return Object.values(refused).reduce((sum, count) => sum + count, 0)
}
