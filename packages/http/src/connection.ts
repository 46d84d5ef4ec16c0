import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { Outcome } from '@lineclear/core'

export type NodeRequest = IncomingMessage | Http2ServerRequest
export type NodeResponse = ServerResponse | Http2ServerResponse

/** What a guest stays as long as: the response, or the socket of a connection that was upgraded. */
export interface Host {
  on(event: 'close' | 'finish' | 'socket', listener: () => void): unknown
  destroy?(): unknown
  /** Undefined on HTTP/2. */
  readonly destroyed?: boolean
  readonly writableEnded: boolean
  readonly writableFinished?: boolean
  readonly statusCode?: number
  readonly headersSent?: boolean
  readonly socket?: Socket | null
  readonly stream?: Stream
  writeHead?(...args: unknown[]): unknown
}

interface Stream extends Carrier {
  on(event: 'close', listener: () => void): unknown
  readonly aborted: boolean
  close(code: number): void
}

/** Something that ends with its host. */
export interface Guest {
  readonly host: Host
  end(outcome: Outcome): void
}

// The guests in the house hang on the connection: on the socket, or on the stream of HTTP/2. Not on the
// response, whose prototype Express changes, after which adding a property costs more than all the rest
// of a visit; nor in a WeakMap, which costs the garbage collector several times that.
const CONNECTION: unique symbol = Symbol('lineclear connection')

interface Carrier {
  [CONNECTION]?: Connection
}

interface Connection {
  /** In the order they came; those of several responses where requests are pipelined. */
  readonly guests: Guest[]
  watched: boolean
}

const CANCEL = 8 // NGHTTP2_CANCEL

/** `destroyed` alone is false for a pipelined response whose socket is gone, and undefined on HTTP/2. */
export function isOver(request: NodeRequest, host: Host): boolean {
  // HTTP/2's socket stands for its stream in this.
  return host.destroyed || host.writableEnded || request.socket?.destroyed || false
}

/** Whether the responses to earlier requests of an HTTP/1.1 connection have to be sent before this one. */
export function isBehind(request: NodeRequest, host: Host): boolean {
  // A response without a socket is not enough: one made by hand has none, and nobody is before it.
  return host.socket === null && (request.socket as { _httpMessage?: unknown } | null)?._httpMessage != null
}

/** Those that stay as long as this host, in the order they came. */
export function guestsOf(request: NodeRequest, host: Host): Guest[] {
  return connectionOf(request, host).guests.filter((guest) => guest.host === host)
}

/** The guests of a connection, whichever host they have. */
export function guestsNear(request: NodeRequest, host: Host): readonly Guest[] {
  return connectionOf(request, host).guests
}

/** Lets a guest stay until its host is over. */
export function join(request: NodeRequest, guest: Guest): void {
  const { host } = guest
  const connection = connectionOf(request, host)
  const known = connection.guests.some((other) => other.host === host)
  connection.guests.push(guest)
  if (!known) listen(request, host, connection)
}

/** Ends a response at once, whatever it has sent. */
export function destroyHost(request: NodeRequest, host: Host): void {
  const stream = streamOf(host)
  if (stream !== undefined) stream.close(CANCEL)
  else if (request.socket) request.socket.destroy()
  else host.destroy?.()
}

function connectionOf(request: NodeRequest, host: Host): Connection {
  // HTTP/2's socket is shared by many streams.
  const carrier: Carrier = streamOf(host) ?? (request.socket as Carrier | undefined) ?? (host as Carrier)
  carrier[CONNECTION] ??= { guests: [], watched: false }
  return carrier[CONNECTION]
}

/** The stream of an HTTP/2 response. Only those do not say whether they are destroyed. */
function streamOf(host: Host): Stream | undefined {
  return host.destroyed === undefined ? host.stream : undefined
}

function listen(request: NodeRequest, host: Host, connection: Connection): void {
  const onOver = (): void => endGuests(connection, host)
  // Not the response of HTTP/2: to a HEAD request whose client leaves it emits nothing.
  const closing = streamOf(host) ?? host
  closing.on('close', onOver)
  // Fakes such as node-mocks-http emit no close.
  host.on('finish', onOver)
  // A pipelined response has no socket until its turn comes; if the socket dies first, Node 20 and 22
  // never close the response.
  if (host.socket === null && request.socket) watchSocket(request.socket, connection)
}

/** One listener a socket: one a response would make Node warn of a leak. */
function watchSocket(socket: Socket, connection: Connection): void {
  if (connection.watched) return
  connection.watched = true
  // Made here, where it can keep no response alive.
  socket.once('close', () => endGuests(connection))
}

/** Ends the guests of one host, or all of a connection, the newest first. */
function endGuests({ guests }: Connection, host?: Host): void {
  const failures: unknown[] = []
  for (let i = guests.length - 1; i >= 0; i--) {
    const guest = guests[i]
    if (guest === undefined || (host !== undefined && guest.host !== host)) continue
    guests.splice(i, 1)
    try {
      guest.end(outcomeOf(guest.host))
    } catch (error) {
      // One limiter's complaint must not keep the other permits.
      failures.push(error)
    }
  }
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures)
}

function outcomeOf(host: Host): Outcome {
  const { statusCode } = host
  if (statusCode === undefined) return 'success'
  if (!host.writableFinished) return 'ignored'
  // An aborted HTTP/2 stream counts as finished, and one for a HEAD request from the beginning.
  const stream = streamOf(host)
  if (stream !== undefined && (stream.aborted || !host.headersSent)) return 'ignored'
  return statusCode === 429 || statusCode === 503 || statusCode === 504 ? 'dropped' : 'success'
}
