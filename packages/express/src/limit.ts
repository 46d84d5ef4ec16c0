import type { BoundedSemaphore, Limiter } from '@lineclear/core'
import {
  Admission,
  type LimitOptions as HttpOptions,
  isPromise,
  type KeyedLimitOptions,
  NodeVisit,
  type PerKey,
  type Rejection,
  refuseOnNode,
  type Verdict,
} from '@lineclear/http'
import type { NextFunction, Request, Response } from 'express'

export type LimitOptions<L extends Limiter = Limiter> = HttpOptions<[req: Request, res: Response], L>

/** The middleware, with the limiter it asks: for a health page, for `drain()`, for other routes. */
export interface LimitMiddleware<L extends Limiter = Limiter> {
  // Generic, so that a route which has it keeps the types of its parameters.
  <P, ResBody, ReqBody, ReqQuery, Locals extends Record<string, unknown>>(
    req: Request<P, ResBody, ReqBody, ReqQuery, Locals>,
    res: Response<ResBody, Locals>,
    next: NextFunction,
  ): void
  readonly limiter: L
}

/** With `permits` and `key`, so many requests of each key: the limiter is a `keyed()` of the core. */
export function limit(options: KeyedLimitOptions<[req: Request, res: Response]>): LimitMiddleware<PerKey>
/**
 * Middleware that lets a request in when a permit is free, makes it wait or refuses it otherwise, and
 * gives the permit back once, when the response is over, however it ends.
 *
 * @throws TypeError or RangeError for bad options, naming the option and the value received.
 */
export function limit<L extends Limiter = BoundedSemaphore>(options: LimitOptions<L>): LimitMiddleware<L>
export function limit<L extends Limiter>(options: LimitOptions<L>): LimitMiddleware<L> {
  const admission = new Admission<[Request, Response], L>(options, 'response')
  const { onRejected } = admission

  function middleware(req: Request, res: Response, next: NextFunction): void {
    const verdict = admission.enter(new NodeVisit(req, res), [req, res])
    if (isPromise(verdict)) verdict.then(act, next)
    else act(verdict)

    function act(verdict: Verdict): void {
      if (verdict === 'admitted') next()
      else if (verdict !== 'gone') refuse(verdict, req, res).catch(next)
    }
  }

  function refuse(rejection: Rejection, req: Request, res: Response): Promise<void> {
    return refuseOnNode(rejection, res, onRejected && (() => onRejected(rejection, req, res)))
  }

  return Object.assign(middleware, { limiter: admission.limiter }) as LimitMiddleware<L>
}
