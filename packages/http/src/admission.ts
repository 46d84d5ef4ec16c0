import type { AcquireRequest, Limiter, RejectedError } from '@lineclear/core'
import { type CommonOptions, type LimitOptions, limiterFor, type MaybePromise } from './options.ts'
import { type Rejection, Rejections } from './rejection.ts'
import { turn } from './turn.ts'
import type { Visit } from './visit.ts'

/** What an adapter does next: call the handler, nothing at all, or send the refusal. */
export type Verdict = 'admitted' | 'gone' | Rejection

const QUEUE_TIMEOUT = 5000

/** Decides about each request of one `limit(...)`; adapters only translate. */
export class Admission<Context extends unknown[], L extends Limiter = Limiter> {
  readonly limiter: L
  readonly #options: CommonOptions<Context>
  readonly #rejections: Rejections
  readonly #timeout: number | undefined

  /** @throws TypeError or RangeError for bad options, naming the option and the value received. */
  constructor(options: LimitOptions<Context, L>) {
    this.limiter = limiterFor(options)
    this.#options = { ...options }
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
    return then(skip(...context), (skipped) => (skipped ? 'admitted' : this.#ask(visit, context)))
  }

  #ask(visit: Visit, context: Context): MaybePromise<Verdict> {
    const { key, weight, priority } = this.#options
    if (key === undefined && weight === undefined && priority === undefined) return this.#acquire(visit)
    return then(key?.(...context), (key) =>
      then(weight?.(...context), (weight) =>
        then(priority?.(...context), (priority) =>
          this.#acquire(visit, { key, weight: this.#atMostAll(weight), priority }),
        ),
      ),
    )
  }

  /** More than the limit, which may just have been lowered, is all there is: it goes in alone. */
  #atMostAll(weight: number | undefined): number | undefined {
    const { limit } = this.limiter
    return typeof weight === 'number' && limit !== undefined && limit > 0 && weight > limit ? limit : weight
  }

  #acquire(visit: Visit, request?: AcquireRequest): MaybePromise<Verdict> {
    const verdict = visit.arrive(this.limiter, request?.key)
    if (verdict !== undefined) return verdict
    const permit = this.limiter.tryAcquire(request)
    if (permit === undefined) return this.#wait(visit, request)
    visit.hold(permit)
    return 'admitted'
  }

  async #wait(visit: Visit, request: AcquireRequest | undefined): Promise<Verdict> {
    // Who is refused at once needs no signal, which costs more than all the rest of a refusal.
    const signal = this.limiter.full ? undefined : visit.leaving()
    try {
      visit.hold(await this.limiter.acquire({ ...request, timeout: this.#timeout, signal }))
    } catch (error) {
      if (signal?.aborted && error === signal.reason) return 'gone'
      if (isRejected(error)) return visit.over ? 'gone' : this.#rejections.make(error)
      throw error
    }
    const pause = turn()
    if (pause !== undefined) await pause
    // The client may have left between the grant and now.
    return visit.over ? 'gone' : 'admitted'
  }
}

function then<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return isPromise(value) ? Promise.resolve(value).then(next) : next(value)
}

/** Whether a value has to be awaited; a thenable of another library counts. */
export function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === 'function'
}

// By name: an app may hold two copies of the core.
function isRejected(error: unknown): error is RejectedError {
  return error instanceof Error && error.name === 'RejectedError'
}
