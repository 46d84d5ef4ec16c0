import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Outcome } from '@lineclear/core'
import { destroyWhenLost } from './lost-socket.ts'
import { outcomeOfStatus } from './outcome.ts'

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

/** Something that ends with its host, or stays a little longer. */
export interface Guest {
  readonly host: Host
  /** Told once that the host is over. */
  end(outcome: Outcome): void
  /** Whether it stays, though its host is over: it leaves with `leave()`. */
  readonly lingers: boolean
}

// The guests in the house hang on the connection: on the socket, or on the stream of HTTP/2. Not on the
// response, whose prototype Express changes, after which adding a property costs more than all the rest
// of a visit; nor in a WeakMap, which costs the garbage collector several times that.
const CONNECTION: unique symbol = Symbol('lineclear connection')

interface Carrier {
  [CONNECTION]?: Connection
}

interface Connection {
  /** One host of many, nearly always the only one; and its guests, in the order they came. */
  host: Host | undefined
  guests: Guest[]
  /** The others' guests, where requests are pipelined or a permit is kept beyond its response. */
  others: Map<Host, Guest[]> | undefined
  watched: boolean
}

const CANCEL = 8 // NGHTTP2_CANCEL

/** `destroyed` alone is false for a pipelined response whose socket is gone, and undefined on HTTP/2. */
export function isOver(request: NodeRequest, host: Host): boolean {
  // HTTP/2's socket stands for its stream in this.
  return host.destroyed || host.writableEnded || request.socket?.destroyed || false
}

/** Whether a response was sent whole, as far as the operating system is concerned. */
export function isSent(host: Host): boolean {
  // HTTP/2 says so of a HEAD request from the beginning.
  return (host.writableFinished && host.headersSent) ?? false
}

/** Whether the responses to earlier requests of an HTTP/1.1 connection have to be sent before this one. */
export function isBehind(request: NodeRequest, host: Host): boolean {
  // A response without a socket is not enough: one made by hand has none, and nobody is before it.
  if (host.socket !== null) return false
  const first = (request.socket as { _httpMessage?: { req?: unknown } | null } | null)?._httpMessage
  return first != null && first.req !== request
}

/** Those that stay as long as this host, in the order they came. */
export function guestsOf(request: NodeRequest, host: Host): readonly Guest[] {
  return guestsIn(connectionOf(request, host), host)
}

/** Lets a guest stay until its host is over. */
export function join(request: NodeRequest, guest: Guest): void {
  const { host } = guest
  const connection = connectionOf(request, host)
  const guests = guestsIn(connection, host)
  if (guests.length > 0) {
    guests.push(guest)
    return
  }
  if (connection.host === undefined) {
    connection.host = host
    connection.guests = [guest]
  } else {
    connection.others ??= new Map()
    connection.others.set(host, [guest])
  }
  listen(request, host, connection)
}

/** Forgets the guests of a host that is over, unless one of them still lingers. */
export function leave(request: NodeRequest, host: Host): void {
  const connection = connectionOf(request, host)
  if (!guestsIn(connection, host).some(({ lingers }) => lingers)) forget(connection, host)
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
  carrier[CONNECTION] ??= { host: undefined, guests: [], others: undefined, watched: false }
  return carrier[CONNECTION]
}

/** The stream of an HTTP/2 response. Only those do not say whether they are destroyed. */
function streamOf(host: Host): Stream | undefined {
  return host.destroyed === undefined ? host.stream : undefined
}

const NONE: Guest[] = []

function guestsIn(connection: Connection, host: Host): Guest[] {
  if (connection.host === host) return connection.guests
  return connection.others?.get(host) ?? NONE
}

function forget(connection: Connection, host: Host): void {
  if (connection.host !== host) {
    connection.others?.delete(host)
    return
  }
  connection.host = undefined
  connection.guests = NONE
}

function listen(request: NodeRequest, host: Host, connection: Connection): void {
  const onOver = (): void => throwAll(endGuests(connection, host))
  // Not the response of HTTP/2: to a HEAD request whose client leaves it emits nothing.
  const closing = streamOf(host) ?? host
  closing.on('close', onOver)
  // Fakes such as node-mocks-http emit no close.
  host.on('finish', onOver)
  // A pipelined response has no socket until its turn comes; if the socket dies first, Node 20 and 22
  // never close the response.
  if (host.socket === null && request.socket) watchSocket(request.socket, connection)
  if (closing === host && request.socket) destroyWhenLost(request.socket as TLSSocket)
}

/** One listener a socket: one a response would make Node warn of a leak. */
function watchSocket(socket: Socket, connection: Connection): void {
  if (connection.watched) return
  connection.watched = true
  // Made here, where it can keep no response alive.
  socket.once('close', () => endAll(connection))
}

function endAll(connection: Connection): void {
  const { host, others } = connection
  const failures: unknown[] = []
  for (const other of [...(others?.keys() ?? [])].reverse()) failures.push(...endGuests(connection, other))
  if (host !== undefined) failures.push(...endGuests(connection, host))
  throwAll(failures)
}

/** Ends the guests of a host, the newest first, and returns what they threw. */
function endGuests(connection: Connection, host: Host): unknown[] {
  const guests = guestsIn(connection, host)
  const failures: unknown[] = []
  let lingers = false
  for (let i = guests.length - 1; i >= 0; i--) {
    const guest = guests[i] as Guest
    try {
      guest.end(outcomeOf(host))
    } catch (error) {
      // One limiter's complaint must not keep the other permits.
      failures.push(error)
    }
    lingers ||= guest.lingers
  }
  if (!lingers) forget(connection, host)
  return failures
}

function throwAll(failures: unknown[]): void {
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures)
}

function outcomeOf(host: Host): Outcome {
  const { statusCode } = host
  if (statusCode === undefined) return 'success'
  if (!host.writableFinished) return 'ignored'
  // An aborted HTTP/2 stream counts as finished, and one for a HEAD request from the beginning.
  const stream = streamOf(host)
  if (stream !== undefined && (stream.aborted || !host.headersSent)) return 'ignored'
  return outcomeOfStatus(statusCode)
}
