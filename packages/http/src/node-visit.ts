import type { Limiter, Outcome } from '@lineclear/core'
import { LEFT, NodeClientSignal, takenBack } from './client-signal.ts'
import {
  destroyHost,
  type Guest,
  guestsOf,
  type Host,
  isBehind,
  isOver,
  isSent,
  join,
  leave,
  type NodeRequest,
  type NodeResponse,
} from './connection.ts'
import { keepAll, Visit } from './visit.ts'

/**
 * A visit that ends with a Node response: at the first of its `close` and `finish`, or when the
 * socket closes under a pipelined response. Without a response, with the request's socket.
 */
export class NodeVisit extends Visit implements Guest {
  readonly host: Host
  readonly #request: NodeRequest
  #leaving: AbortController | undefined
  #proceed: (() => void) | undefined

  constructor(request: NodeRequest, response: NodeResponse | undefined) {
    super()
    this.#request = request
    this.host = hostOf(request, response)
  }

  arrive(limiter: Limiter, key: string | undefined): 'gone' | 'admitted' | undefined {
    const { host } = this
    if (isOver(this.#request, host)) return 'gone'
    for (const guest of guestsOf(this.#request, host)) {
      if (!(guest instanceof NodeVisit)) continue
      if (guest.limiter === limiter && guest.key === key && guest.holds) return 'admitted'
    }
    this.limiter = limiter
    this.key = key
    join(this.#request, this)
    return undefined
  }

  /**
   * A pipelined request asks when its response is next to be sent. Before that its answer could not
   * leave: it would hold a permit for which an earlier request of the same connection may be waiting.
   */
  override behind(): Promise<void> | undefined {
    if (!isBehind(this.#request, this.host)) return undefined
    return new Promise((resolve) => {
      this.#proceed = resolve
      this.host.on('socket', resolve)
    })
  }

  /** Sockets that are destroyed together emit `close` one after the other: the first lets the next one in. */
  override get gone(): boolean {
    return this.over || isOver(this.#request, this.host)
  }

  leaving(): AbortSignal {
    this.#leaving ??= new AbortController()
    return this.#leaving.signal
  }

  override end(outcome: Outcome): void {
    const waits = !this.holds
    super.end(outcome)
    this.#proceed?.()
    if (waits) this.#leaving?.abort(LEFT)
  }

  /** A permit that is kept beyond the response. */
  get lingers(): boolean {
    return this.holds
  }

  protected override release(outcome: Outcome): void {
    super.release(outcome)
    if (this.over) leave(this.#request, this.host)
  }

  protected onHeaders(sent: () => void): void {
    const { host } = this
    if (host.headersSent) {
      sent()
      return
    }
    const { writeHead } = host
    // An upgraded socket has no headers to come, and keeps its permit until it closes.
    if (writeHead === undefined) return
    // Both an explicit and an implicit head go through here, on HTTP/1 and HTTP/2.
    const watched = function (this: Host, ...args: unknown[]): unknown {
      const result = Reflect.apply(writeHead, this, args)
      // Others may have put theirs around it.
      if (host.writeHead === watched) host.writeHead = writeHead
      sent()
      return result
    }
    host.writeHead = watched
  }

  protected takenBack(): void {
    for (const guest of guestsOf(this.#request, this.host)) {
      if (guest instanceof NodeClientSignal) guest.abort(takenBack())
    }
  }

  protected destroy(): void {
    destroyHost(this.#request, this.host)
  }
}

/**
 * Aborts when the client leaves before its response is over, or when `maxHold` takes the permit back.
 * Made when it is first asked for; the same for one request however often.
 */
export function nodeClientSignal(request: NodeRequest, response: NodeResponse | undefined): AbortSignal {
  const host = hostOf(request, response)
  const known = guestsOf(request, host).find((guest) => guest instanceof NodeClientSignal)
  if (known !== undefined) return known.signal
  const made = new NodeClientSignal(host)
  // Sent whole, it cannot be left any more; ended and not sent, it can.
  if (isSent(host)) return made.signal
  if (host.destroyed || request.socket?.destroyed) made.abort(LEFT)
  else join(request, made)
  return made.signal
}

/**
 * Keeps the permits that a request holds, whatever becomes of its response, until the returned function
 * is called: for a socket that was upgraded, or work that goes on when its client has left.
 */
export function nodeKeepPermit(request: NodeRequest, response: NodeResponse | undefined): () => void {
  const visits = guestsOf(request, hostOf(request, response)).filter(
    (guest): guest is NodeVisit => guest instanceof NodeVisit && guest.holds,
  )
  return keepAll(visits)
}

function hostOf(request: NodeRequest, response: NodeResponse | undefined): Host {
  return (response ?? request.socket) as Host
}
