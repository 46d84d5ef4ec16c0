import type { AcquireRequest, Permit, RejectionReason } from '@lineclear/core'
import type { ClientSignal } from './client-signal.ts'
import type { Counts } from './result.ts'
import type { Job } from './station.ts'

/** A request that a client wants answered, over all of its attempts. */
export interface Client {
  readonly id: number
  /** When it came. */
  readonly at: number
  readonly work: number
  readonly patience: number
  readonly weight: number
  /** What it asks the limiter for. */
  readonly request: AcquireRequest | undefined
  /** Where it is counted. Nowhere if it came in the warm-up. */
  readonly counts: readonly Counts[]
  tries: number
}

/** What became of an attempt: an answer, one that came too late, the client gone, or why it was refused. */
export type AttemptOutcome = 'answered' | 'late' | 'left' | RejectionReason

/** An attempt that is over, for those who watch. */
export interface AttemptRecord {
  /** The same for all attempts of a request; in the order that requests come, from 0. */
  readonly id: number
  /** 1 for the first attempt. */
  readonly attempt: number
  readonly key: string | undefined
  readonly priority: number | undefined
  readonly weight: number
  /** Ms of work that it is. */
  readonly work: number
  /** When the attempt was made. */
  readonly at: number
  /** When it got its permit; undefined if it got none. */
  readonly admittedAt: number | undefined
  /** When it was over. */
  readonly endedAt: number
  readonly outcome: AttemptOutcome
  /** Whether it is counted, which those of the warm-up are not. */
  readonly counted: boolean
}

export class Attempt implements Job {
  readonly client: Client
  readonly number: number
  readonly at: number
  readonly work: number
  stage: 'away' | 'queued' | 'busy' = 'away'
  /** Set when it has to wait, if its client may leave. */
  controller: AbortController | ClientSignal | undefined
  permit: Permit | undefined
  admittedAt: number | undefined
  /** Its client has left. */
  left = false
  /** Nothing more can happen to it. */
  over = false

  constructor(client: Client, at: number) {
    this.client = client
    this.number = client.tries
    this.at = at
    this.work = client.work
  }

  record(outcome: AttemptOutcome, endedAt: number): AttemptRecord {
    const { client } = this
    return {
      id: client.id,
      attempt: this.number,
      key: client.request?.key,
      priority: client.request?.priority,
      weight: client.weight,
      work: this.work,
      at: this.at,
      admittedAt: this.admittedAt,
      endedAt,
      outcome,
      counted: client.counts.length > 0,
    }
  }
}
