import { clientSignalOf, keepPermitOf } from '@lineclear/http'
import { type RequestCarrier, requestIn } from './carrier.ts'

/**
 * A signal for a handler that aborts when the client leaves before its response is over, or when
 * `maxHold` takes the permit back. Of a request that passed no limit, its own signal.
 *
 * @param beside what the server handed over with the request; only needed on @hono/node-server
 */
export function clientSignal(request: RequestCarrier, ...beside: unknown[]): AbortSignal {
  return clientSignalOf(requestIn(request), beside)
}

/**
 * Keeps the permits that the request holds, whatever becomes of its response, until the returned
 * function is called; `maxHold` goes on. For a WebSocket, or work that goes on when its client has left.
 *
 * @param beside what the server handed over with the request; only needed on @hono/node-server
 */
export function keepPermit(request: RequestCarrier, ...beside: unknown[]): () => void {
  return keepPermitOf(requestIn(request), beside)
}
