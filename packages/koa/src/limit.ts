import type { BoundedSemaphore, Limiter } from '@lineclear/core'
import {
  Admission,
  type LimitOptions as HttpOptions,
  type KeyedLimitOptions,
  NodeVisit,
  type PerKey,
  type Verdict,
} from '@lineclear/http'
import type { Context, Middleware, Next } from 'koa'

export type LimitOptions<L extends Limiter = Limiter> = HttpOptions<[ctx: Context], L>

/** The middleware, with the limiter it asks: for a health page, for `drain()`, for other routes. */
export type LimitMiddleware<L extends Limiter = Limiter> = Middleware & { readonly limiter: L }

/** With `permits` and `key`, so many requests of each key: the limiter is a `keyed()` of the core. */
export function limit(options: KeyedLimitOptions<[ctx: Context]>): LimitMiddleware<PerKey>
/**
 * Middleware that lets a request in when a permit is free, makes it wait or refuses it otherwise, and
 * gives the permit back once, when the response is over, however it ends.
 *
 * @throws TypeError or RangeError for bad options, naming the option and the value received.
 */
export function limit<L extends Limiter = BoundedSemaphore>(options: LimitOptions<L>): LimitMiddleware<L>
export function limit<L extends Limiter>(options: LimitOptions<L>): LimitMiddleware<L> {
  const admission = new Admission<[Context], L>(options)
  const { onRejected } = admission

  function middleware(ctx: Context, next: Next): Promise<unknown> {
    const visit = new NodeVisit(ctx.req, ctx.res)
    const verdict = admission.enter(visit, [ctx])
    return verdict === 'admitted' ? visit.serve(next) : act(verdict, visit, ctx, next)
  }

  async function act(
    pending: Verdict | Promise<Verdict>,
    visit: NodeVisit,
    ctx: Context,
    next: Next,
  ): Promise<unknown> {
    const verdict = await pending
    if (verdict === 'admitted') return visit.serve(next)
    if (verdict === 'gone') return undefined
    ctx.status = verdict.status
    for (const name in verdict.headers) ctx.set(name, verdict.headers[name] as string)
    const { body } = ctx
    if (onRejected !== undefined) {
      const answered = (await onRejected(verdict, ctx)) === true || ctx.body !== body || ctx.headerSent
      if (answered) return undefined
    }
    ctx.set('content-type', verdict.type)
    ctx.body = verdict.body
    return undefined
  }

  return Object.assign(middleware, { limiter: admission.limiter })
}
