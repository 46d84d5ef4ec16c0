import type { BoundedSemaphore, Keyed, KeyedOptions, Limiter, Queue } from '@lineclear/core'
import { checkCount, checkDuration, checkOptions, wrongType } from '@lineclear/core/check'
import type { MaybePromise } from './maybe-promise.ts'
import type { Rejection } from './rejection.ts'

/**
 * The options of every adapter's `limit`. `Context` is what the framework hands to a middleware:
 * `[req, res]` in Express, `[ctx]` in Koa, `[c]` in Hono. `L` is the limiter that they make, or bring:
 * for a narrower one than `Limiter`, only the options that do.
 */
export type LimitOptions<Context extends unknown[], L extends Limiter = Limiter> = CommonOptions<Context> &
  (
    | (BoundedSemaphore extends L ? OwnLimiter : never)
    | (PerKey extends L ? OwnLimiters<Context> : never)
    | GivenLimiter<L>
  )

/** Those with `permits` and `key`. */
export type KeyedLimitOptions<Context extends unknown[]> = CommonOptions<Context> & OwnLimiters<Context>

/** What `permits` with `key` make: a limiter for each key. */
export type PerKey = Keyed<BoundedSemaphore>

interface OwnLimiter {
  /** How many requests at once; at least 1. With `key`, so many of each key. */
  permits: number
  /**
   * How many may wait, first come first served, or a queue such as `lifo(100)`. 0 rejects at once.
   * Default `adaptiveLifo()`: ten times `permits`, at least 100, the newest first while a backlog stands.
   */
  queue?: number | Queue | undefined
  limiter?: undefined
  key?: undefined
  maxKeys?: undefined
  onMaxKeys?: undefined
}

interface OwnLimiters<Context extends unknown[]> extends KeyedOptions {
  /** How many requests of each key at once; at least 1. Those without a key share one limit. */
  permits: number
  /**
   * How many of each key may wait, first come first served, or a function that makes a queue for a key,
   * such as `() => lifo(100)`. 0 rejects at once. Default `adaptiveLifo` for each: ten times `permits`, at
   * least 100, the newest first while a backlog stands.
   */
  queue?: number | (() => Queue) | undefined
  /** Whose limit counts; `undefined` for that of all who have no key. Makes 429 the default status. */
  key: KeyOf<Context>
  limiter?: undefined
}

interface GivenLimiter<L extends Limiter> {
  /** A limiter of your own, for instance one shared by several routes. It brings its own queue. */
  limiter: L
  permits?: undefined
  queue?: undefined
  maxKeys?: undefined
  onMaxKeys?: undefined
}

type KeyOf<Context extends unknown[]> = (...context: Context) => MaybePromise<string | undefined>

export interface CommonOptions<Context extends unknown[]> {
  /**
   * The longest a request may wait, in ms; Infinity for ever. Default: what the limiter or its queue
   * says, else 5000. The default queue says thirty times the mean hold, at least 5000.
   */
  queueTimeout?: number | undefined
  /** Whose limit counts, for limiters that look at it. Makes 429 the default status. */
  key?: KeyOf<Context> | undefined
  /** How many permits the request takes. Default 1. */
  weight?: ((...context: Context) => MaybePromise<number | undefined>) | undefined
  /** For queues that look at it. Default 0. */
  priority?: ((...context: Context) => MaybePromise<number | undefined>) | undefined
  /**
   * How many ms the client still waits, say from a header of yours: a request waits no longer than that,
   * though never longer than `queueTimeout`. `undefined` and NaN say nothing; 0 or less is not to wait at
   * all. In steps of 10 ms.
   */
  deadline?: ((...context: Context) => MaybePromise<number | undefined>) | undefined
  /** True lets the request pass without a permit, for instance a health check. */
  skip?: ((...context: Context) => MaybePromise<boolean>) | undefined
  /** Status of a refusal, 400 to 599. Default 503, or 429 with `key`. */
  statusCode?: number | undefined
  /**
   * Seconds that a refused client is asked to wait at least; each gets up to half as much again, so
   * that they do not all come back at once. `false` sends no Retry-After. Default: a place of its own for
   * each, 1 to 60 s ahead, as many as a quarter of the limiter's capacity can serve.
   */
  retryAfter?: number | false | undefined
  /**
   * Called for each refusal, with status and headers already set on the response. It may answer in
   * our place, and may be async; if it has not when it is done, the default body is sent. To answer
   * later, from a callback, return true. In Hono, return a Response.
   */
  onRejected?: ((rejection: Rejection, ...context: Context) => unknown) | undefined
  /**
   * Lets everybody in at once, whether there is a permit or not; a function is told of each request that
   * would have been refused. Requests still take permits and wait for them beside, so that the limiter
   * shows what it would do. Default false.
   */
  dryRun?: boolean | ((rejection: Rejection, ...context: Context) => void) | undefined
  /** Send `RateLimit-Policy` with refusals, if the limiter tells its `limit`. Default true. */
  headers?: boolean | undefined
  /**
   * When a permit comes back. `close`: when the response is over, or its client has left. `settled`:
   * not before the handler has settled too, so that work which goes on for a client that left still
   * counts; only where the adapter sees that, not in Express and Fastify. `headers`: as soon as the
   * headers are sent, whatever the body takes. Default `close`.
   */
  releaseOn?: 'close' | 'settled' | 'headers' | undefined
  /**
   * The longest that a request may hold its permit, in ms, more than 0; then it is taken back, and the
   * signal of `clientSignal()` aborts. Default Infinity.
   */
  maxHold?: number | undefined
  /**
   * What becomes of a response whose permit `maxHold` took back: `destroy` ends it, `release` lets it go
   * on beyond the limit. A function is told of each and returns one of both. Default `destroy`, also
   * for a function that returns nothing.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that only logs returns nothing
  onMaxHold?: Overdue | ((...context: Context) => Overdue | void) | undefined
}

export type Overdue = 'destroy' | 'release'

const OPTIONS = [
  'permits',
  'limiter',
  'queue',
  'maxKeys',
  'onMaxKeys',
  'queueTimeout',
  'key',
  'weight',
  'priority',
  'deadline',
  'skip',
  'statusCode',
  'retryAfter',
  'onRejected',
  'dryRun',
  'headers',
  'releaseOn',
  'maxHold',
  'onMaxHold',
]

/**
 * Checks the options of an adapter, but for those that make the limiter.
 *
 * @throws TypeError or RangeError naming the option and the value received.
 */
export function checkLimitOptions<Context extends unknown[]>(options: CommonOptions<Context>): void {
  if (isNoOptions(options)) {
    throw new TypeError('limit() makes the middleware, and is none itself: limit({ permits: 2 }), not limit')
  }
  checkOptions('limit', options, OPTIONS)
  checkCommon(options)
}

/** A request, a context or an application, which is what middleware is called with. */
function isNoOptions(options: unknown): boolean {
  if (typeof options !== 'object' || options === null) return false
  return ['method', 'req', 'raw', 'register', 'switchToHttp'].some((name) => name in options)
}

function checkCommon<Context extends unknown[]>(options: CommonOptions<Context>): void {
  const { queueTimeout, statusCode, retryAfter, headers, dryRun } = options
  for (const name of ['key', 'weight', 'priority', 'deadline', 'skip', 'onRejected'] as const) {
    const value: unknown = options[name]
    if (value !== undefined && typeof value !== 'function') throw wrongType(name, 'a function', value)
  }
  if (queueTimeout !== undefined) checkDuration('queueTimeout', queueTimeout)
  if (statusCode !== undefined) checkStatus(statusCode)
  if (retryAfter !== undefined && retryAfter !== false) checkSeconds(retryAfter)
  if (dryRun !== undefined && typeof dryRun !== 'boolean' && typeof dryRun !== 'function') {
    throw wrongType('dryRun', 'a boolean or a function', dryRun)
  }
  if (headers !== undefined && typeof headers !== 'boolean') throw wrongType('headers', 'a boolean', headers)
}

function checkStatus(status: number): void {
  checkCount('statusCode', status)
  if (status < 400 || status > 599) throw new RangeError(`statusCode must be 400 to 599; received ${status}`)
}

function checkSeconds(seconds: number): void {
  if (typeof seconds !== 'number') throw wrongType('retryAfter', 'a number of seconds or false', seconds)
  if (!(seconds >= 0 && seconds < Infinity)) {
    throw new RangeError(`retryAfter must be 0 seconds or more; received ${seconds}`)
  }
}
