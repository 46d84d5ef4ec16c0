import type { BoundedSemaphore, Limiter } from '@lineclear/core'
import {
  Admission,
  type LimitOptions as HttpOptions,
  type NodeRequest,
  type NodeResponse,
  NodeVisit,
  type Verdict,
  WebVisit,
} from '@lineclear/http'
import type { Context, MiddlewareHandler, Next } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'

export type LimitOptions<L extends Limiter = Limiter> = HttpOptions<[c: Context], L>

/** The middleware, with the limiter it asks: for a health page, for `drain()`, for other routes. */
export type LimitMiddleware<L extends Limiter = Limiter> = MiddlewareHandler & { readonly limiter: L }

/**
 * Middleware that lets a request in when a permit is free, makes it wait or refuses it otherwise, and
 * gives the permit back once, when the response is over, however it ends.
 *
 * @throws TypeError or RangeError for bad options, naming the option and the value received.
 */
export function limit<L extends Limiter = BoundedSemaphore>(options: LimitOptions<L>): LimitMiddleware<L> {
  const admission = new Admission<[Context], L>(options)
  const { onRejected } = options

  function middleware(c: Context, next: Next): ReturnType<MiddlewareHandler> {
    const { incoming, outgoing } = (c.env ?? {}) as { incoming?: NodeRequest; outgoing?: NodeResponse }
    if (incoming === undefined) return web(c, next)
    const verdict = admission.enter(new NodeVisit(incoming, outgoing), [c])
    return verdict === 'admitted' ? next() : act(verdict, c, next)
  }

  async function web(c: Context, next: Next): Promise<Response | undefined> {
    const visit = new WebVisit(c.req.raw)
    const verdict = await admission.enter(visit, [c])
    try {
      const refusal = await act(verdict, c, next)
      if (refusal !== undefined) return refusal
    } catch (error) {
      visit.end('ignored')
      throw error
    }
    const response = await visit.until(c.res)
    if (response !== c.res) c.res = response
    return undefined
  }

  async function act(
    pending: Verdict | Promise<Verdict>,
    c: Context,
    next: Next,
  ): Promise<Response | undefined> {
    const verdict = await pending
    if (verdict === 'admitted') {
      await next()
      return undefined
    }
    if (verdict === 'gone') return unsent()
    const status = verdict.status as ContentfulStatusCode
    if (onRejected !== undefined) {
      c.status(status)
      for (const name in verdict.headers) c.header(name, verdict.headers[name])
      const answer = await onRejected(verdict, c)
      if (answer instanceof Response) return answer
    }
    return c.body(verdict.body, status, { ...verdict.headers, 'content-type': verdict.type })
  }

  return Object.assign(middleware, { limiter: admission.limiter })
}

/** Hono wants a response even when nobody does; this one @hono/node-server does not send. */
function unsent(): Response {
  // It looks for this header on the platform's own Response only, not on its lighter one: hence the clone.
  return new Response(null, { status: 503, headers: { 'x-hono-already-sent': 'true' } }).clone()
}
