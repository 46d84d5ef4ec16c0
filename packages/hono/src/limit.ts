import type { BoundedSemaphore, Limiter } from '@lineclear/core'
import {
  Admission,
  type LimitOptions as HttpOptions,
  isResponse,
  type KeyedLimitOptions,
  NodeVisit,
  type PerKey,
  type Rejection,
  throughWeb,
  unsent,
  type Verdict,
} from '@lineclear/http'
import type { Context, MiddlewareHandler, Next } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { besideOf, nodeOf } from './handler.ts'

export type LimitOptions<L extends Limiter = Limiter> = HttpOptions<[c: Context], L>

/** The middleware, with the limiter it asks: for a health page, for `drain()`, for other routes. */
export type LimitMiddleware<L extends Limiter = Limiter> = MiddlewareHandler & { readonly limiter: L }

/** With `permits` and `key`, so many requests of each key: the limiter is a `keyed()` of the core. */
export function limit(options: KeyedLimitOptions<[c: Context]>): LimitMiddleware<PerKey>
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

  function middleware(c: Context, next: Next): ReturnType<MiddlewareHandler> {
    const { incoming, outgoing } = nodeOf(c)
    if (incoming === undefined) return web(c, next)
    const visit = new NodeVisit(incoming, outgoing)
    const verdict = admission.enter(visit, [c])
    return verdict === 'admitted' ? visit.serve(next) : act(verdict, visit, c, next)
  }

  async function act(
    pending: Verdict | Promise<Verdict>,
    visit: NodeVisit,
    c: Context,
    next: Next,
  ): ReturnType<MiddlewareHandler> {
    const verdict = await pending
    if (verdict === 'admitted') return visit.serve(next)
    return verdict === 'gone' ? unsent() : refuse(verdict, c)
  }

  async function web(c: Context, next: Next): ReturnType<MiddlewareHandler> {
    const response = await throughWeb(admission, c.req.raw, besideOf(c), [c], {
      serve: async () => {
        await next()
        return c.res
      },
      refuse: (rejection) => refuse(rejection, c),
    })
    if (!c.finalized) return response
    if (response !== c.res) c.res = response
  }

  async function refuse(rejection: Rejection, c: Context): Promise<Response> {
    const status = rejection.status as ContentfulStatusCode
    if (onRejected !== undefined) {
      c.status(status)
      for (const name in rejection.headers) c.header(name, rejection.headers[name])
      const answer = await withdrawIfBroken(() => onRejected(rejection, c), rejection, c)
      if (isResponse(answer)) return answer
    }
    return c.body(rejection.body, status, { ...rejection.headers, 'content-type': rejection.type })
  }

  return Object.assign(middleware, { limiter: admission.limiter })
}

/** Lest an error be answered with the status and the headers of a refusal. */
async function withdrawIfBroken(answer: () => unknown, { headers }: Rejection, c: Context): Promise<unknown> {
  try {
    return await answer()
  } catch (error) {
    c.status(200)
    for (const name in headers) c.header(name)
    throw error
  }
}
