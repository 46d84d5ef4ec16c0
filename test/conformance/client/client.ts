import type { Exchange, RequestOptions } from './exchange.ts'

/**
 * How a client leaves: `FIN` closes the connection, on HTTP/2 resets its streams (RST_STREAM);
 * `RST` resets the connection, on HTTP/2 with the whole session; `half-close` sends a FIN and reads on.
 */
export type Departure = 'FIN' | 'RST' | 'half-close'

/** A client with one connection. */
export interface Client {
  /** Pipelined on HTTP/1, if another one is under way; a stream of its own on HTTP/2. */
  request(path: string, options?: RequestOptions): Exchange
  leave(how: Departure): void
  /** Reads no more; the server's writes fill the buffers between and get stuck. */
  stall(): void
  /** At the end of a cell, in whatever state. */
  destroy(): void
}
