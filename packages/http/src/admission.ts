import type { AcquireRequest, Limiter, RejectedError } from '@lineclear/core'
import { throwingErrors } from './as-error.ts'
import { andThen, type MaybePromise } from './maybe-promise.ts'
import { type CommonOptions, type LimitOptions, limiterFor } from './options.ts'
import { type Rejection, Rejections } from './rejection.ts'
import { holdTerms, type Sees } from './terms.ts'
import { turn } from './turn.ts'
import type { HoldTerms, Visit } from './visit.ts'
import { within } from './within.ts'

/** What an adapter does next: call the handler, nothing at all, or send the refusal. */
export type Verdict = 'admitted' | 'gone' | Rejection

const QUEUE_TIMEOUT = 5000

/** Decides about each request of one `limit(...)`; adapters only translate. */
export class Admission<Context extends unknown[], L extends Limiter = Limiter> {
  readonly limiter: L
  /** The option, for adapters to call; what it throws is an error. */
  readonly onRejected: ((rejection: Rejection, ...context: Context) => MaybePromise<unknown>) | undefined
  readonly #options: CommonOptions<Context>
  readonly #rejections: Rejections
  readonly #timeout: number | undefined
  readonly #terms: HoldTerms<Context> | undefined

  /**
   * @param sees whether the adapter serves through `visit.serve()`, and so sees when a handler has settled
   * @throws TypeError or RangeError for bad options, naming the option and the value received.
   */
  constructor(options: LimitOptions<Context, L>, sees: Sees = 'handler') {
    this.limiter = limiterFor(options)
    this.#terms = holdTerms(options, sees)
    this.#options = { ...options }
    const { onRejected } = options
    this.onRejected = onRejected && ((...args) => throwingErrors(() => onRejected(...args)))
    this.#rejections = new Rejections(this.limiter, options)
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
    const { key, weight, priority } = this.#options
    if (key === undefined && weight === undefined && priority === undefined) {
      return this.#arrive(visit, context)
    }
    return andThen(
      throwingErrors(() => key?.(...context)),
      (key) =>
        andThen(
          throwingErrors(() => weight?.(...context)),
          (weight) =>
            andThen(
              throwingErrors(() => priority?.(...context)),
              (priority) => this.#arrive(visit, context, { key, weight, priority }),
            ),
        ),
    )
  }

  #arrive(visit: Visit, context: Context, request?: AcquireRequest): MaybePromise<Verdict> {
    const verdict = visit.arrive(this.limiter, request?.key)
    if (verdict !== undefined) return verdict
    const ahead = visit.behind()
    if (ahead === undefined) return this.#acquire(visit, context, request)
    return this.#waitBehind(ahead, visit, context, request)
  }

  async #waitBehind(
    ahead: Promise<void>,
    visit: Visit,
    context: Context,
    request: AcquireRequest | undefined,
  ): Promise<Verdict> {
    const timeout = this.#timeout ?? this.limiter.timeout ?? Infinity
    const inTime = await within(ahead, timeout)
    if (visit.gone) return 'gone'
    return inTime ? this.#acquire(visit, context, request) : this.#rejections.make({ reason: 'timeout' })
  }

  #acquire(visit: Visit, context: Context, asked?: AcquireRequest): MaybePromise<Verdict> {
    const request = asked && { ...asked, weight: this.#atMostAll(asked.weight) }
    const permit = this.limiter.tryAcquire(request)
    if (permit === undefined) return this.#wait(visit, context, request)
    visit.hold(permit, this.#terms, context)
    return 'admitted'
  }

  /** More than the limit, which may just have been lowered, is all there is: it goes in alone. */
  #atMostAll(weight: number | undefined): number | undefined {
    const { limit } = this.limiter
    return typeof weight === 'number' && limit !== undefined && limit > 0 && weight > limit ? limit : weight
  }

  async #wait(visit: Visit, context: Context, request: AcquireRequest | undefined): Promise<Verdict> {
    const { limiter } = this
    const asked = { ...request, timeout: this.#timeout }
    try {
      // Who is refused at once needs no signal, which costs more than all the rest of a refusal.
      const permit = await (limiter.full ? limiter.acquire(asked) : visit.wait(limiter, asked))
      visit.hold(permit, this.#terms, context)
    } catch (error) {
      if (isRejected(error)) return visit.gone ? 'gone' : this.#rejections.make(error)
      if (visit.gone && error === visit.leaving().reason) return 'gone'
      throw error
    }
    const pause = turn()
    if (pause !== undefined) await pause
    // The client may have left between the grant and now.
    return visit.gone ? 'gone' : 'admitted'
  }
}

// By name: an app may hold two copies of the core.
function isRejected(error: unknown): error is RejectedError {
  return error instanceof Error && error.name === 'RejectedError'
}
