import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { Limiter, Outcome } from '@lineclear/core'
import { Visit } from './visit.ts'

export type NodeRequest = IncomingMessage | Http2ServerRequest
export type NodeResponse = ServerResponse | Http2ServerResponse

/** What a visit lasts as long as: the response, or the socket of a connection that was upgraded. */
interface Host {
  on(event: 'close' | 'finish', listener: () => void): unknown
  /** Undefined on HTTP/2. */
  readonly destroyed?: boolean
  readonly writableEnded: boolean
  readonly writableFinished?: boolean
  readonly statusCode?: number
  readonly socket?: Socket | null
  readonly stream?: Stream
}

interface Stream extends Carrier {
  readonly aborted: boolean
}

// The visits in progress hang on the connection: on the socket, or on the stream of HTTP/2. Not on the
// response, whose prototype Express changes, after which adding a property costs more than all the rest
// of a visit; nor in a WeakMap, which costs the garbage collector several times that.
const CONNECTION: unique symbol = Symbol('lineclear connection')

interface Carrier {
  [CONNECTION]?: Connection
}

interface Connection {
  /** In the order they came; those of several responses where requests are pipelined. */
  readonly visits: NodeVisit[]
  watched: boolean
}

const LEFT = new Error('The client left')

/**
 * A visit that ends with a Node response: at the first of its `close` and `finish`, or when the
 * socket closes under a pipelined response. Without a response, with the request's socket.
 */
export class NodeVisit extends Visit {
  readonly host: Host
  readonly #request: NodeRequest
  #leaving: AbortController | undefined

  constructor(request: NodeRequest, response: NodeResponse | undefined) {
    super()
    this.#request = request
    this.host = response ?? request.socket
  }

  arrive(limiter: Limiter, key: string | undefined): 'gone' | 'admitted' | undefined {
    const { host } = this
    if (isOver(this.#request, host)) return 'gone'
    const connection = connectionOf(this.#request, host)
    let known = false
    for (const visit of connection.visits) {
      if (visit.host !== host) continue
      if (visit.limiter === limiter && visit.key === key && visit.holds) return 'admitted'
      known = true
    }
    this.limiter = limiter
    this.key = key
    connection.visits.push(this)
    if (!known) listen(this.#request, host, connection)
    return undefined
  }

  leaving(): AbortSignal {
    this.#leaving ??= new AbortController()
    return this.#leaving.signal
  }

  override end(outcome: Outcome): void {
    const waits = !this.holds
    super.end(outcome)
    if (waits) this.#leaving?.abort(LEFT)
  }
}

function connectionOf(request: NodeRequest, host: Host): Connection {
  // HTTP/2's socket is shared by many streams.
  const carrier: Carrier = streamOf(host) ?? (request.socket as Carrier | undefined) ?? (host as Carrier)
  carrier[CONNECTION] ??= { visits: [], watched: false }
  return carrier[CONNECTION]
}

/** The stream of an HTTP/2 response. Only those do not say whether they are destroyed. */
function streamOf(host: Host): Stream | undefined {
  return host.destroyed === undefined ? host.stream : undefined
}

function listen(request: NodeRequest, host: Host, connection: Connection): void {
  const onOver = (): void => endVisits(connection, host)
  host.on('close', onOver)
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
  socket.once('close', () => endVisits(connection))
}

/** `destroyed` alone is false for a pipelined response whose socket is gone, and undefined on HTTP/2. */
function isOver(request: NodeRequest, host: Host): boolean {
  // HTTP/2's socket stands for its stream in this.
  return host.destroyed || host.writableEnded || request.socket?.destroyed || false
}

/** Ends the visits to one host, or to all of a connection, the newest first. */
function endVisits({ visits }: Connection, host?: Host): void {
  const failures: unknown[] = []
  for (let i = visits.length - 1; i >= 0; i--) {
    const visit = visits[i]
    if (visit === undefined || (host !== undefined && visit.host !== host)) continue
    visits.splice(i, 1)
    try {
      visit.end(outcomeOf(visit.host))
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
  // An aborted HTTP/2 stream counts as finished.
  if (!host.writableFinished || streamOf(host)?.aborted) return 'ignored'
  return statusCode === 429 || statusCode === 503 || statusCode === 504 ? 'dropped' : 'success'
}
