import type { BoundedSemaphore, Limiter } from '@lineclear/core'
import {
  Admission,
  type LimitOptions as HttpOptions,
  isResponse,
  type KeyedLimitOptions,
  type PerKey,
  type Rejection,
  throughWeb,
} from '@lineclear/http'
import { type RequestCarrier, requestIn } from './carrier.ts'

/** What an option's function gets: the request, and what the server or framework hands over with it. */
// biome-ignore lint/suspicious/noExplicitAny: whatever the server hands over
type HandlerContext = [request: Request, ...beside: any[]]

export type LimitOptions<L extends Limiter = Limiter> = HttpOptions<HandlerContext, L>

/** Puts handlers under a limit. All handlers that it wraps share one limit. */
export interface LimitedHandler<L extends Limiter = Limiter> {
  /** A handler under the limit; also answers when the given one is not called. */
  <Handed extends [RequestCarrier, ...unknown[]], Answer>(
    handler: (...handed: Handed) => Answer | Promise<Answer>,
  ): (...handed: Handed) => Promise<Answer | Response>
  /** As middleware of srvx and h3: answers with what `next` answers. */
  <Answer>(request: RequestCarrier, next: () => Answer | Promise<Answer>): Promise<Answer | Response>
  /** The limiter it asks: for a health page, for `drain()`, for other routes. */
  readonly limiter: L
}

/** With `permits` and `key`, so many requests of each key: the limiter is a `keyed()` of the core. */
export function limit(options: KeyedLimitOptions<HandlerContext>): LimitedHandler<PerKey>
/**
 * Puts handlers of a `Request` under a limit: a request goes in when a permit is free, and waits or is
 * refused otherwise; its permit comes back once, when the response is over, however it ends.
 *
 * Pass on all that the server hands to the handler (Deno's info, the context of Workers, Bun's server):
 * by that the platform is known, and so when a response is over.
 *
 * @throws TypeError or RangeError for bad options, naming the option and the value received.
 */
export function limit<L extends Limiter = BoundedSemaphore>(options: LimitOptions<L>): LimitedHandler<L>
export function limit<L extends Limiter>(options: LimitOptions<L>): LimitedHandler<L> {
  const admission = new Admission<HandlerContext, L>(options)
  const { onRejected } = admission

  function limited(...given: unknown[]): unknown {
    const [first, next] = given
    if (typeof first === 'function') {
      // Not (...handed): Deno hands nothing over to a function that declares nothing.
      return (request: unknown, ...beside: unknown[]) =>
        through([request, ...beside], () => first(request, ...beside))
    }
    if (typeof next !== 'function') {
      throw new TypeError('limit() returns a wrapper: call it with a handler, or with a request and next')
    }
    return through([first], () => next())
  }

  async function through(handed: unknown[], handler: () => unknown): Promise<unknown> {
    const request = requestIn(handed[0] as RequestCarrier)
    const beside = handed[0] === request ? handed.slice(1) : handed
    const context: HandlerContext = [request, ...beside]
    return throughWeb(admission, request, beside, context, {
      // Not async: workerd would report what a handler throws as unhandled, before anybody can handle it.
      serve: handler,
      refuse: (rejection) => refuse(rejection, context),
    })
  }

  async function refuse(rejection: Rejection, context: HandlerContext): Promise<Response> {
    const answer = await onRejected?.(rejection, ...context)
    if (isResponse(answer)) return answer
    const { status, headers, body, type } = rejection
    return new Response(body, { status, headers: { ...headers, 'content-type': type } })
  }

  return Object.assign(limited, { limiter: admission.limiter }) as LimitedHandler<L>
}
