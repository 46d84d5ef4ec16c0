import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BoundedSemaphore, Limiter } from '@lineclear/core'
import {
  Admission,
  type LimitOptions as HttpOptions,
  isPromise,
  type KeyedLimitOptions,
  type NodeRequest,
  type NodeResponse,
  NodeVisit,
  type PerKey,
  type Rejection,
  refuseOnNode,
  type Verdict,
} from '@lineclear/http'
import { fail } from './fail.ts'

/** On HTTP/2, say so where an option's function declares its arguments: `(req: Http2ServerRequest) => ...`. */
export type LimitOptions<
  L extends Limiter = Limiter,
  Req extends NodeRequest = IncomingMessage,
  Res extends NodeResponse = ServerResponse,
> = HttpOptions<[req: Req, res: Res], L>

/** Wraps listeners, and is middleware itself. All that it lets in count together. */
export interface Limited<L extends Limiter = Limiter> {
  /**
   * The same listener behind the limit, for `createServer()`. It returns what the listener returns, or,
   * for a request that had to wait, a promise of that. What the listener throws or rejects with is left
   * alone; what a function among the options does is printed and answered with 500.
   */
  <Args extends [req: NodeRequest, res: NodeResponse, ...rest: unknown[]], R>(
    listener: (...args: Args) => R,
  ): (...args: Args) => R | Promise<Awaited<R> | undefined> | undefined
  /** Connect's middleware, for `app.use()`. What a function among the options throws goes to `next`. */
  (req: NodeRequest, res: NodeResponse, next: (error?: unknown) => void): void
  /** For a health page, for `drain()`, for other limits. */
  readonly limiter: L
}

type Listener = (...args: unknown[]) => unknown
type Next = (error?: unknown) => void

/** With `permits` and `key`, so many requests of each key: the limiter is a `keyed()` of the core. */
export function limit<Req extends NodeRequest = IncomingMessage, Res extends NodeResponse = ServerResponse>(
  options: KeyedLimitOptions<[req: Req, res: Res]>,
): Limited<PerKey>
/**
 * A limit for a bare server, or for Connect: lets a request in when a permit is free, makes it wait or
 * refuses it otherwise, and gives the permit back once, when the response is over, however it ends.
 *
 * @throws TypeError or RangeError for bad options, naming the option and the value received.
 */
export function limit<
  L extends Limiter = BoundedSemaphore,
  Req extends NodeRequest = IncomingMessage,
  Res extends NodeResponse = ServerResponse,
>(options: LimitOptions<L, Req, Res>): Limited<L>
export function limit<L extends Limiter, Req extends NodeRequest, Res extends NodeResponse>(
  options: LimitOptions<L, Req, Res>,
): Limited<L> {
  const admission = new Admission<[Req, Res], L>(options)
  const { releaseOn } = options
  const { onRejected } = admission

  function limited(...args: unknown[]): unknown {
    const [first, res, next] = args
    if (typeof first === 'function') return wrap(first as Listener)
    if (typeof next === 'function') return middleware(first as Req, res as Res, next as Next)
    throw new TypeError(
      'limit() makes a wrapper and a middleware: createServer(limited(listener)), or app.use(limited); ' +
        `received ${args.length} arguments, of which neither the first nor the third is a function`,
    )
  }

  function wrap(listener: Listener): Listener {
    return function (this: unknown, ...args) {
      const [req, res] = args as [Req, Res]
      const visit = new NodeVisit(req, res)
      const failed = (error: unknown): void => fail(error, req, res)
      const act = (verdict: Verdict): unknown => {
        if (verdict === 'admitted') return visit.serve(() => Reflect.apply(listener, this, args))
        return verdict === 'gone' ? undefined : refuse(verdict, req, res).catch(failed)
      }
      const verdict = enter(visit, req, res, failed)
      if (verdict === undefined) return undefined
      if (!isPromise(verdict)) return act(verdict)
      return new Promise((resolve) => {
        verdict.then(
          // Not on this stack, where a listener's throw would become a rejection, which is another event.
          (verdict) => queueMicrotask(() => resolve(act(verdict))),
          (error) => resolve(failed(error)),
        )
      })
    }
  }

  function middleware(req: Req, res: Res, next: Next): void {
    if (releaseOn === 'settled') {
      next(
        new TypeError(
          'releaseOn "settled" needs to see the handler, which Connect does not show: ' +
            'wrap it, as in app.use(limited(handler)), or use keepPermit() in it',
        ),
      )
      return
    }
    const verdict = enter(new NodeVisit(req, res), req, res, next)
    if (isPromise(verdict)) verdict.then(act, next)
    else if (verdict !== undefined) act(verdict)

    function act(verdict: Verdict): void {
      if (verdict === 'admitted') next()
      else if (verdict !== 'gone') refuse(verdict, req, res).catch(next)
    }
  }

  /** The verdict, or nothing if an option's function threw at once and `failed` was told. */
  function enter(visit: NodeVisit, req: Req, res: Res, failed: Next): Verdict | Promise<Verdict> | undefined {
    try {
      return admission.enter(visit, [req, res])
    } catch (error) {
      failed(error)
      return undefined
    }
  }

  function refuse(rejection: Rejection, req: Req, res: Res): Promise<void> {
    // Of HTTP/2's response, the compatible part.
    const response = res as ServerResponse
    return refuseOnNode(rejection, response, onRejected && (() => onRejected(rejection, req, res)))
  }

  return Object.assign(limited, { limiter: admission.limiter }) as unknown as Limited<L>
}
