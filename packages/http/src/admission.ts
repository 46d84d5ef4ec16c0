import {
  type AcquireRequest,
  innermost,
  type Limiter,
  type Permit,
  type RejectedError,
  systemClock,
} from '@lineclear/core'
import { wrongType } from '@lineclear/core/check'
import { throwingErrors } from './as-error.ts'
import { type Asking, askOptions, asksAnything } from './asking.ts'
import { type Calendar, calendarOf } from './calendar.ts'
import { limiterFor } from './limiter-for.ts'
import { andThen, type MaybePromise } from './maybe-promise.ts'
import type { CommonOptions, LimitOptions } from './options.ts'
import { type Rejection, Rejections } from './rejection.ts'
import { holdTerms, type Sees } from './terms.ts'
import { turn } from './turn.ts'
import type { HoldTerms, Visit } from './visit.ts'
import { within } from './within.ts'

/** What an adapter does next: call the handler, nothing at all, or send the refusal. */
export type Verdict = 'admitted' | 'gone' | Rejection

const QUEUE_TIMEOUT = 5000
const NOTHING: Asking = {}

/** Decides about each request of one `limit(...)`; adapters only translate. */
export class Admission<Context extends unknown[], L extends Limiter = Limiter> {
  readonly limiter: L
  /** The option, for adapters to call; what it throws is an error. */
  readonly onRejected: ((rejection: Rejection, ...context: Context) => MaybePromise<unknown>) | undefined
  readonly #options: CommonOptions<Context>
  readonly #rejections: Rejections
  readonly #timeout: number | undefined
  readonly #calendar: Calendar | undefined
  readonly #terms: HoldTerms<Context> | undefined
  readonly #asks: boolean
  readonly #dryRun: ((rejection: Rejection, ...context: Context) => void) | undefined

  /**
   * @param sees whether the adapter serves through `visit.serve()`, and so sees when a handler has settled
   * @throws TypeError or RangeError for bad options, naming the option and the value received.
   */
  constructor(options: LimitOptions<Context, L>, sees: Sees = 'handler') {
    this.limiter = limiterFor(options)
    const terms = holdTerms(options, sees)
    this.#asks = asksAnything(options)
    this.#dryRun = options.dryRun === true ? () => {} : options.dryRun || undefined
    // A dry run takes no permit back, since that would end a response.
    this.#terms = terms && this.#dryRun ? { ...terms, maxHold: Infinity } : terms
    this.#options = { ...options }
    const { onRejected } = options
    this.onRejected = onRejected && ((...args) => throwingErrors(() => onRejected(...args)))
    const calendar = calendarOf(innermost(this.limiter))
    this.#rejections = new Rejections(this.limiter, options, calendar)
    this.#calendar = options.retryAfter === undefined ? calendar : undefined
    this.#timeout = options.queueTimeout ?? (this.limiter.timeout === undefined ? QUEUE_TIMEOUT : undefined)
  }

  /**
   * Asks for a permit. At once where one is free and no option is async, so that the handler can be
   * called on the same stack; otherwise a promise, which resolves in the request's own async context.
   * Throws, or rejects with, what an option's function throws and what the limiter says of bad requests.
   */
  enter(visit: Visit, context: Context): MaybePromise<Verdict> {
    const { skip } = this.#options
    if (skip === undefined) return this.#ask(visit, context)
    const skipped = throwingErrors(() => skip(...context))
    return andThen(skipped, (skipped) => (skipped ? 'admitted' : this.#ask(visit, context)))
  }

  #ask(visit: Visit, context: Context): MaybePromise<Verdict> {
    if (!this.#asks) return this.#arrive(visit, context, NOTHING)
    return andThen(askOptions(this.#options, context), (asking) => this.#arrive(visit, context, asking))
  }

  #arrive(visit: Visit, context: Context, asking: Asking): MaybePromise<Verdict> {
    const verdict = visit.arrive(this.limiter, asking.key)
    if (verdict !== undefined) return verdict
    // A dry run holds nobody up.
    const ahead = this.#dryRun === undefined ? visit.behind() : undefined
    if (ahead === undefined) return this.#acquire(visit, context, asking)
    return this.#waitBehind(ahead, visit, context, asking)
  }

  async #waitBehind(ahead: Promise<void>, visit: Visit, context: Context, asking: Asking): Promise<Verdict> {
    const clock = this.limiter.clock ?? systemClock
    const since = clock.now()
    const timeout = this.#timeoutFor(asking) ?? this.limiter.timeout ?? Infinity
    const inTime = await within(ahead, timeout, clock)
    const { deadline } = asking
    const left = deadline && deadline - (clock.now() - since)
    if (visit.gone) return 'gone'
    return inTime
      ? this.#acquire(visit, context, { ...asking, deadline: left })
      : this.#rejections.make({ reason: 'timeout' }, asking.key)
  }

  #acquire(visit: Visit, context: Context, asking: Asking): MaybePromise<Verdict> {
    const { key, priority } = asking
    const weight = this.#atMostAll(asking.weight, key)
    const request = this.#asks ? { key, weight, priority } : undefined
    // Also where none is waited for, or what is wrong with it would show under load only.
    const timeout = this.#timeoutFor(asking)
    const permit = this.limiter.tryAcquire(request)
    if (permit !== undefined) {
      this.#admit(visit, permit, context, weight)
      return 'admitted'
    }
    const waiting = { ...request, timeout }
    if (this.#dryRun === undefined) {
      const refused = this.limiter.refuse?.(waiting)
      if (refused !== undefined) return this.#rejections.make(refused, key)
      return this.#wait(visit, context, waiting)
    }
    visit.expect(this.#terms)
    void this.#pretend(visit, context, waiting, this.#dryRun)
    return 'admitted'
  }

  #admit(visit: Visit, permit: Permit, context: Context, weight: number | undefined): void {
    visit.hold(permit, this.#terms, context)
    if (this.#calendar !== undefined) visit.measure(this.#calendar, weight ?? 1)
  }

  /** More than the limit, which may just have been lowered, is all there is: it goes in alone. */
  #atMostAll(weight: number | undefined, key: string | undefined): number | undefined {
    // One is never more than the limit, and the limit of an idle key costs something to know.
    if (typeof weight !== 'number' || weight <= 1) return weight
    const { limiter } = this
    const limit = limiter.limitOf === undefined ? limiter.limit : limiter.limitOf(key)
    return limit !== undefined && limit > 0 && weight > limit ? limit : weight
  }

  /** The longest that a request may wait; `undefined` leaves it to the limiter. */
  #timeoutFor({ deadline }: Asking): number | undefined {
    if (deadline === undefined) return this.#timeout
    if (typeof deadline !== 'number') throw wrongType('deadline', 'a number of ms', deadline)
    // What a header that is missing, or is no number, becomes.
    if (Number.isNaN(deadline)) return this.#timeout
    // In tens of ms, since a limiter has a timer for each time-out.
    const left = Math.max(0, Math.floor(deadline / 10) * 10)
    return Math.min(left, this.#timeout ?? this.limiter.timeout ?? Infinity)
  }

  /** A permit, as soon as it is this request's turn. Rejects as the limiter does. */
  #queue(visit: Visit, request: AcquireRequest): Promise<Permit> {
    const { limiter } = this
    // Who is refused at once needs no signal, which costs more than all the rest of a refusal.
    return limiter.full ? limiter.acquire(request) : visit.wait(limiter, request)
  }

  async #wait(visit: Visit, context: Context, request: AcquireRequest): Promise<Verdict> {
    try {
      const permit = await this.#queue(visit, request)
      this.#admit(visit, permit, context, request.weight)
    } catch (error) {
      if (isRejected(error)) return visit.gone ? 'gone' : this.#rejections.make(error, request.key)
      if (visit.gone && error === visit.leaving().reason) return 'gone'
      throw error
    }
    const pause = turn()
    if (pause !== undefined) await pause
    // The client may have left between the grant and now.
    return visit.gone ? 'gone' : 'admitted'
  }

  /** Waits in place of a request that a dry run has let in, and tells what would have become of it. */
  async #pretend(
    visit: Visit,
    context: Context,
    request: AcquireRequest,
    tell: (rejection: Rejection, ...context: Context) => void,
  ): Promise<void> {
    try {
      const permit = await this.#queue(visit, request)
      this.#admit(visit, permit, context, request.weight)
    } catch (error) {
      try {
        if (!isRejected(error)) throw error
        // It may be async: what it rejects with is told below, as what it throws.
        if (!visit.gone) await tell(this.#rejections.make(error, request.key), ...context)
      } catch (error) {
        // The request is on its way: there is nobody else to tell.
        if (!(visit.gone && error === visit.leaving().reason)) console.error(error)
      }
    }
  }
}

// By name: an app may hold two copies of the core.
function isRejected(error: unknown): error is RejectedError {
  return error instanceof Error && error.name === 'RejectedError'
}
