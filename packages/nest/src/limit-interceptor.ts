import type { Limiter } from '@lineclear/core'
import {
  Admission,
  type LimitOptions as HttpOptions,
  isPromise,
  NodeVisit,
  type Verdict,
} from '@lineclear/http'
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common'
import { Observable } from 'rxjs'
import { exchangeOf } from './exchange.ts'
import { nothing } from './nothing.ts'
import { refuse } from './refuse.ts'

export type LimitOptions<L extends Limiter = Limiter> = HttpOptions<[context: ExecutionContext], L>

type Answer = Observable<unknown> | Promise<Observable<unknown>>

/** The interceptor, with the limiter it asks: for a health page, for `drain()`, for other routes. */
export class LimitInterceptor<L extends Limiter = Limiter> implements NestInterceptor {
  readonly limiter: L
  readonly #admission: Admission<[ExecutionContext], L>
  readonly #options: LimitOptions

  /** @throws TypeError or RangeError for bad options, naming the option and the value received. */
  constructor(options: LimitOptions<L>) {
    this.#admission = new Admission<[ExecutionContext], L>(options)
    this.#options = { ...options }
    this.limiter = this.#admission.limiter
  }

  intercept(context: ExecutionContext, next: CallHandler): Answer {
    if (context.getType() !== 'http') return next.handle()
    const exchange = exchangeOf(context)
    const visit = new NodeVisit(exchange.req, exchange.res)
    const act = (verdict: Verdict): Answer => {
      if (verdict === 'admitted') return this.#serve(visit, next)
      if (verdict !== 'gone') return refuse(verdict, exchange, context, this.#options.onRejected)
      exchange.response.hijack?.()
      return nothing()
    }
    const verdict = this.#admission.enter(visit, [context])
    return isPromise(verdict) ? verdict.then(act) : act(verdict)
  }

  #serve(visit: NodeVisit, next: CallHandler): Observable<unknown> {
    if (this.#options.releaseOn !== 'settled') return next.handle()
    return new Observable((subscriber) => {
      subscriber.add(visit.keep())
      next.handle().subscribe(subscriber)
    })
  }
}
