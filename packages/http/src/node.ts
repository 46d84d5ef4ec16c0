import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2'
import type { Socket } from 'node:net'
import type { Limiter, Outcome } from '@lineclear/core'
import { Visit } from './visit.ts'

export type NodeRequest = IncomingMessage | Http2ServerRequest
export type NodeResponse = ServerResponse | Http2ServerResponse

// On the response itself, which is cheaper than a WeakMap: its visits, newest first. Registered symbols,
// so that two copies of this package see each other's.
const VISITS: unique symbol = Symbol.for('lineclear visits 1')
const SOCKET: unique symbol = Symbol.for('lineclear socket 1')

/** What a visit lasts as long as: the response, or the socket of a connection that was upgraded. */
interface Host {
  on(event: 'close' | 'finish', listener: (this: Host) => void): unknown
  /** Undefined on HTTP/2, where the stream tells. */
  readonly destroyed?: boolean
  readonly writableEnded: boolean
  readonly writableFinished?: boolean
  readonly statusCode?: number
  readonly socket?: Socket | null
  readonly stream?: { readonly aborted: boolean; readonly destroyed: boolean }
  [VISITS]?: NodeVisit | undefined
  [SOCKET]?: Socket | undefined
}

const LEFT = new Error('The client left')

/**
 * A visit that ends with a Node response: at the first of its `close` and `finish`, or when the
 * socket closes under a pipelined response. Without a response, with the request's socket.
 */
export class NodeVisit extends Visit {
  next: NodeVisit | undefined
  readonly #request: NodeRequest
  readonly #host: Host
  #leaving: AbortController | undefined

  constructor(request: NodeRequest, response: NodeResponse | undefined) {
    super()
    this.#request = request
    this.#host = response ?? request.socket
  }

  arrive(limiter: Limiter, key: string | undefined): 'gone' | 'admitted' | undefined {
    if (isOver(this.#request, this.#host)) return 'gone'
    const newest = this.#host[VISITS]
    for (let visit = newest; visit !== undefined; visit = visit.next) {
      if (visit.limiter === limiter && visit.key === key && visit.holds) return 'admitted'
    }
    this.limiter = limiter
    this.key = key
    this.next = newest
    this.#host[VISITS] = this
    if (newest === undefined) listen(this.#request, this.#host)
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

/** `destroyed` alone is false for a pipelined response whose socket is gone. */
function isOver(request: NodeRequest, host: Host): boolean {
  // Asking for the stream where there is none walks the whole prototype chain, which is long in Express.
  const destroyed = host.destroyed ?? host.stream?.destroyed
  return destroyed || host.writableEnded || request.socket?.destroyed || false
}

function listen(request: NodeRequest, host: Host): void {
  host.on('close', onOver)
  // Fakes such as node-mocks-http emit no close.
  host.on('finish', onOver)
  // A pipelined response has no socket until its turn comes; if the socket dies first, Node 20 and
  // 22 never close the response.
  if (host.socket === null && request.socket) watchSocket(request.socket, host)
}

function onOver(this: Host): void {
  endVisits([this])
}

function endVisits(hosts: Iterable<Host>): void {
  const failures: unknown[] = []
  for (const host of hosts) {
    let visit = host[VISITS]
    if (visit === undefined) continue
    host[VISITS] = undefined
    const socket = host[SOCKET]
    if (socket !== undefined) pipelined.get(socket)?.delete(host)
    const outcome = outcomeOf(host)
    for (; visit !== undefined; visit = visit.next) {
      try {
        visit.end(outcome)
      } catch (error) {
        // One limiter's complaint must not keep the other permits.
        failures.push(error)
      }
    }
  }
  if (failures.length > 0) throw failures.length === 1 ? failures[0] : new AggregateError(failures)
}

function outcomeOf({ statusCode, writableFinished, stream }: Host): Outcome {
  if (statusCode === undefined) return 'success'
  if (!writableFinished || stream?.aborted) return 'ignored'
  return statusCode === 429 || statusCode === 503 || statusCode === 504 ? 'dropped' : 'success'
}

// One listener a socket: one a response would make Node warn of a leak.
const pipelined = new WeakMap<Socket, Set<Host>>()

function watchSocket(socket: Socket, host: Host): void {
  let hosts = pipelined.get(socket)
  if (hosts === undefined) {
    hosts = new Set()
    pipelined.set(socket, hosts)
    socket.once('close', onSocketClose)
  }
  hosts.add(host)
  host[SOCKET] = socket
}

function onSocketClose(this: Socket): void {
  endVisits(pipelined.get(this) ?? [])
}
