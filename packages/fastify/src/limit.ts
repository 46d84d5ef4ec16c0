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
  type Verdict,
} from '@lineclear/http'
import type { FastifyReply, FastifyRequest } from 'fastify'

export type LimitOptions<L extends Limiter = Limiter> = HttpOptions<
  [request: FastifyRequest, reply: FastifyReply],
  L
>

// Of whichever server, route and type provider: what all instances of Fastify's own types have in common.
interface AnyRequest {
  readonly raw: NodeRequest
}
export interface AnyReply {
  readonly raw: NodeResponse
  readonly request: AnyRequest
}

type Done = (error?: Error) => void

/** The hook, with the limiter it asks: for a health page, for `drain()`, for other routes. */
export interface LimitHook<L extends Limiter = Limiter> {
  (request: AnyRequest, reply: AnyReply, done: Done): void
  readonly limiter: L
}

/** With `permits` and `key`, so many requests of each key: the limiter is a `keyed()` of the core. */
export function limit(
  options: KeyedLimitOptions<[request: FastifyRequest, reply: FastifyReply]>,
): LimitHook<PerKey>
/**
 * A hook, for `onRequest` or a later one, that lets a request in when a permit is free, makes it wait or
 * refuses it otherwise, and gives the permit back once, when the response is over, however it ends.
 *
 * @throws TypeError or RangeError for bad options, naming the option and the value received.
 */
export function limit<L extends Limiter = BoundedSemaphore>(options: LimitOptions<L>): LimitHook<L>
export function limit<L extends Limiter>(options: LimitOptions<L>): LimitHook<L> {
  const admission = new Admission<[FastifyRequest, FastifyReply], L>(options, 'response')
  const { onRejected } = admission

  function hook(request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const verdict = admission.enter(new NodeVisit(request.raw, reply.raw), [request, reply])
    if (isPromise(verdict)) verdict.then(act, done)
    else act(verdict)

    function act(verdict: Verdict): void {
      if (verdict === 'admitted') done()
      // Otherwise Fastify would go on to wait for an answer.
      else if (verdict === 'gone') reply.hijack()
      else refuse(verdict, request, reply).catch(failed)
    }

    function failed(error: Error): void {
      // Unless it is 200, Fastify takes what we have set for the status of the error.
      reply.code(200).removeHeader('retry-after').removeHeader('ratelimit-policy')
      done(error)
    }
  }

  async function refuse(rejection: Rejection, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.code(rejection.status).headers(rejection.headers)
    if (onRejected !== undefined) {
      const sends = watchSend(reply)
      if ((await onRejected(rejection, request, reply)) === true || sends() || reply.sent) return
    }
    // As bytes: to a text Fastify would add a charset, which JSON has not.
    reply.header('content-type', rejection.type).send(Buffer.from(rejection.body))
  }

  return Object.assign(hook, { limiter: admission.limiter }) as unknown as LimitHook<L>
}

/** Whether `send()` was called. `sent` is true only when all was sent, after hooks that may be async, and streams. */
function watchSend(reply: FastifyReply): () => boolean {
  const { send } = reply
  let called = false
  reply.send = function (payload) {
    called = true
    reply.send = send
    return send.call(this, payload)
  }
  return () => {
    reply.send = send
    return called
  }
}
