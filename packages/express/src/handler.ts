import { nodeClientSignal, nodeKeepPermit } from '@lineclear/http'
import type { Request } from 'express'

/**
 * A signal for a handler that aborts when the client leaves before its response is over, or when
 * `maxHold` takes the permit back. Works without a limit too. Made when it is first asked for.
 */
export function clientSignal(req: Request): AbortSignal {
  return nodeClientSignal(req, req.res)
}

/**
 * Keeps the permits that the request holds, whatever becomes of its response, until the returned
 * function is called; `maxHold` goes on. For work that goes on when its client has left.
 */
export function keepPermit(req: Request): () => void {
  return nodeKeepPermit(req, req.res)
}
