/// <reference lib="esnext.disposable" preserve="true" />

import type { Clock } from './clock.ts'
import type { RejectedError } from './rejected-error.ts'

/** Anything one can acquire a permit from. Other limiters wrap one to add a feature. */
export interface Limiter {
  /** How many permits there are, where the limiter knows. A limiter around another passes it on. */
  readonly limit?: number | undefined
  /** The longest wait in ms where a request does not say, if it has one. */
  readonly timeout?: number | undefined
  /** Whether an `acquire()` that finds no permit free is refused at once, where the limiter knows. */
  readonly full?: boolean | undefined
  /** Where its time comes from, where it says. */
  readonly clock?: Clock | undefined
  /**
   * For a limiter that hands on the permits of another one, as `observed` and `adaptive`: that one. The
   * two are taken for one: `all` takes one permit of them, and our adapters have one line of promised
   * places for both, by key where that one is `keyed`.
   */
  readonly inner?: Limiter | undefined

  /**
   * How many permits a request with this key can have at most, for a limiter where that depends on the key,
   * as `keyed`. A limiter around another passes it on.
   */
  limitOf?(key: string | undefined): number | undefined

  /**
   * A permit now, if one is free and nobody is ahead; otherwise `undefined`. Never waits, never
   * queues, and ignores `timeout`. Also `undefined` when `signal` has aborted.
   *
   * @throws TypeError or RangeError for a request that could never be served; nothing is taken.
   */
  tryAcquire(request?: AcquireRequest): Permit | undefined

  /**
   * Why `acquire()` would turn this caller away at once, whom `tryAcquire()` has just given nothing. It saves
   * the promise and what rejecting it costs, since refusing is what an overloaded server does most: a caller
   * may return this in place of calling `acquire()`, and calls it where this is `undefined`. Optional; a
   * limiter around another passes it on, or leaves it out.
   *
   * @throws as `tryAcquire()`.
   */
  refuse?(request?: AcquireRequest): RejectedError | undefined

  /**
   * A permit, as soon as it is this caller's turn.
   *
   * Rejects with a {@link RejectedError} when the caller is turned away, with `signal.reason`
   * unchanged when the signal aborts (even before the call, and even if a permit is free), and with
   * a TypeError or RangeError for a request that could never be served. In each case no permit is
   * held and nothing is left in the queue.
   */
  acquire(request?: AcquireRequest): Promise<Permit>
}

/** What a caller asks for. It is read during the call; changing it later changes nothing. */
export interface AcquireRequest {
  /** Leaves the queue at once when it aborts. */
  signal?: AbortSignal | undefined
  /** The longest wait in ms: 0 means not at all, Infinity for ever. Default: the limiter's own. */
  timeout?: number | undefined
  /** Permits taken at once. 0 waits until one is free and takes none. Default 1. */
  weight?: number | undefined
  /** For queues that look at it. */
  priority?: number | undefined
  /** For limiters and queues that look at it. */
  key?: string | undefined
}

/** The right to be inside. Given back once, by `release()` or by leaving a `using` block. */
export interface Permit extends Disposable {
  /**
   * Gives the permit back, straight to whoever is next. Later calls do nothing.
   *
   * @param outcome what became of the work, for limiters that adapt to it. Default `'success'`.
   */
  release(outcome?: Outcome): void
}

/**
 * How work under a permit ended: `success`; `dropped`, when something downstream was overloaded or
 * timed out; `ignored`, when it says nothing about load, such as a client that left.
 */
export type Outcome = 'success' | 'dropped' | 'ignored'
