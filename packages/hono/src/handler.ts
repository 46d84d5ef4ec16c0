import {
  clientSignalOf,
  keepPermitOf,
  type NodeRequest,
  type NodeResponse,
  nodeBindingIn,
  nodeClientSignal,
  nodeKeepPermit,
} from '@lineclear/http'
import type { Context } from 'hono'

/**
 * A signal for a handler that aborts when the client leaves before its response is over, or when
 * `maxHold` takes the permit back. Works without a limit too. Made when it is first asked for.
 */
export function clientSignal(c: Context): AbortSignal {
  const { incoming, outgoing } = nodeOf(c)
  if (incoming !== undefined) return nodeClientSignal(incoming, outgoing)
  return clientSignalOf(c.req.raw, besideOf(c))
}

/**
 * Keeps the permits that the request holds, whatever becomes of its response, until the returned
 * function is called; `maxHold` goes on. For a WebSocket, or work that goes on when its client has left.
 */
export function keepPermit(c: Context): () => void {
  const { incoming, outgoing } = nodeOf(c)
  if (incoming !== undefined) return nodeKeepPermit(incoming, outgoing)
  return keepPermitOf(c.req.raw, besideOf(c))
}

/** What @hono/node-server binds. */
export function nodeOf(c: Context): { incoming?: NodeRequest; outgoing?: NodeResponse } {
  return nodeBindingIn(c.env)
}

/** What other servers hand over with a request. */
export function besideOf(c: Context): unknown[] {
  try {
    return [c.env, c.executionCtx]
  } catch {
    // Hono throws where there is no such context.
    return [c.env]
  }
}
