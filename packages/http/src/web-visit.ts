import type { Limiter, Outcome } from '@lineclear/core'
import { LEFT, takenBack } from './client-signal.ts'
import { isPromise, type MaybePromise } from './maybe-promise.ts'
import { outcomeOfStatus } from './outcome.ts'
import { keepAll, Visit } from './visit.ts'
import { watchBody } from './watched-body.ts'

/** What is known of one request: the visits it pays, and the signal of its handler. */
interface Presence {
  readonly visits: WebVisit[]
  client: AbortController | undefined
  /** Whether the client is known to have left. */
  left: boolean
}

const present = new WeakMap<object, Presence>()

/**
 * A visit that ends with a web Response: when its body was read to the end, failed or was
 * cancelled, or when the request's signal aborts, even while it is being served.
 */
export class WebVisit extends Visit {
  protected readonly request: Request
  readonly #identity: object
  readonly #upgradable: boolean
  #headersSent: (() => void) | undefined
  #leaving: AbortController | undefined
  #cut: ((error: Error) => void) | undefined

  /**
   * @param identity what stands for this request, where frameworks make new `Request`s of it
   * @param upgradable whether a handler that answers nothing has upgraded the connection
   */
  constructor(request: Request, identity: object = request, upgradable = false) {
    super()
    this.request = request
    this.#identity = identity
    this.#upgradable = upgradable
  }

  arrive(limiter: Limiter, key: string | undefined): 'gone' | 'admitted' | undefined {
    if (this.left()) return 'gone'
    const presence = presenceOf(this.#identity)
    present.set(this.request, presence)
    const { visits } = presence
    if (visits.some((visit) => visit.limiter === limiter && visit.key === key && visit.holds))
      return 'admitted'
    this.limiter = limiter
    this.key = key
    visits.push(this)
    this.watch()
    return undefined
  }

  leaving(): AbortSignal {
    if (!this.expects) return this.request.signal
    // Its response may be over first.
    this.#leaving ??= new AbortController()
    return this.#leaving.signal
  }

  /** What the handler answers; or an empty 503, if its permit is taken back and it has not answered. */
  answer<R>(serve: () => MaybePromise<R>): MaybePromise<R | Response> {
    const served = this.serve(serve)
    if (!this.timed || !isPromise(served)) return served
    return new Promise((resolve, reject) => {
      let cut = false
      this.#cut = () => {
        cut = true
        resolve(new Response(null, { status: 503 }))
      }
      served.then((answer) => {
        if (!cut) resolve(answer)
        // Nobody will read it.
        else if (isResponse(answer)) answer.body?.cancel().catch(() => {})
      }, reject)
    })
  }

  /**
   * Ends the visit when the response is over. Returns a response to send in place of the given one,
   * the same unless it has a body to watch.
   */
  async until<R>(response: R): Promise<R> {
    this.#headersSent?.()
    if (!this.holds && !this.expects) return response
    if (isResponse(response)) return (await this.follow(response)) as R
    // An upgraded connection lasts until the signal aborts; any other value is in memory.
    if (response !== undefined || !this.#upgradable) this.end('success')
    return response
  }

  override end(outcome: Outcome): void {
    if (this.over) return
    this.unwatch()
    super.end(outcome)
    this.#leaving?.abort(LEFT)
  }

  protected async follow(response: Response): Promise<Response> {
    const { body, status } = response
    // A body that somebody else reads cannot be watched, and a HEAD response's is never read.
    if (body === null || body.locked || this.request.method === 'HEAD' || status === 101 || status === 0) {
      this.bodyOver(true, status)
      return response
    }
    const { stream, cut } = await watchBody(body, (complete) => this.bodyOver(complete, status))
    this.#cut = cut
    return new Response(stream, response)
  }

  /** Makes sure to hear of a client that leaves, where that is not so from the beginning. */
  listen(): void {}

  /** Gone too if the signal has aborted, and others that listen to it were told first. */
  override get gone(): boolean {
    return this.over || this.left()
  }

  protected readonly onAbort = (): void => this.clientLeft()

  protected clientLeft(): void {
    this.end('ignored')
    const presence = presenceOf(this.#identity)
    presence.left = true
    presence.client?.abort(LEFT)
  }

  /** Whether the client is known to have left. */
  protected left(): boolean {
    return this.request.signal.aborted
  }

  protected watch(): void {
    this.request.signal.addEventListener('abort', this.onAbort)
  }

  protected unwatch(): void {
    this.request.signal.removeEventListener('abort', this.onAbort)
  }

  protected bodyOver(complete: boolean, status: number): void {
    if (complete) this.end(outcomeOfStatus(status))
    else this.clientLeft()
  }

  protected onHeaders(sent: () => void): void {
    this.#headersSent = sent
  }

  protected takenBack(): void {
    presenceOf(this.#identity).client?.abort(takenBack())
  }

  protected destroy(): void {
    this.#cut?.(takenBack())
  }
}

/** Whether this very Request has come to a limit, and need not be looked for. */
export function isPresent(request: Request): boolean {
  return present.has(request)
}

/**
 * Aborts when the client leaves before its response is over, or when `maxHold` takes the permit back.
 * Of a request that passed no limit, its own signal.
 */
export function webClientSignal(request: Request, identity: object = request): AbortSignal {
  const presence = present.get(identity) ?? present.get(request)
  if (presence === undefined) return request.signal
  presence.client ??= new AbortController()
  for (const visit of presence.visits) visit.listen()
  if (presence.left) presence.client.abort(LEFT)
  return presence.client.signal
}

/** Keeps the permits that a request holds until the returned function is called. */
export function webKeepPermit(request: Request, identity: object = request): () => void {
  const presence = present.get(identity) ?? present.get(request)
  const visits = (presence?.visits ?? []).filter((visit) => visit.holds)
  return keepAll(visits)
}

function presenceOf(identity: object): Presence {
  let presence = present.get(identity)
  if (presence === undefined) {
    presence = { visits: [], client: undefined, left: false }
    present.set(identity, presence)
  }
  return presence
}

/** Not by `instanceof`: @hono/node-server, srvx and others have their own class. */
export function isResponse(answer: unknown): answer is Response {
  const { status, headers } = (answer ?? {}) as Partial<Response>
  return typeof status === 'number' && typeof headers?.get === 'function'
}
