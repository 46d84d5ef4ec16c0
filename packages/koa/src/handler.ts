import { nodeClientSignal, nodeKeepPermit } from '@lineclear/http'
import type { Context } from 'koa'

/**
 * A signal for a handler that aborts when the client leaves before its response is over, or when
 * `maxHold` takes the permit back. Works without a limit too. Made when it is first asked for.
 */
export function clientSignal(ctx: Context): AbortSignal {
  return nodeClientSignal(ctx.req, ctx.res)
}

/**
 * Keeps the permits that the request holds, whatever becomes of its response, until the returned
 * function is called; `maxHold` goes on. For work that goes on when its client has left.
 */
export function keepPermit(ctx: Context): () => void {
  return nodeKeepPermit(ctx.req, ctx.res)
}
