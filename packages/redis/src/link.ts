import { Alarm } from './alarm.ts'
import type { Ledger } from './ledger.ts'
import type { Port } from './port.ts'
import { syncScript } from './script.ts'
import {
  channelOf,
  decodePush,
  decodeReply,
  encode,
  type KeyReply,
  type SyncReply,
  type SyncRequest,
  WireError,
} from './wire.ts'

export interface LinkOptions {
  readonly port: Port
  /** What all keys begin with, in braces. */
  readonly tag: string
  readonly instance: string
  /** In ms. */
  readonly lease: number
  /** In ms. A request without an answer for as long has failed. */
  readonly answerWithin: number
  readonly listener: LinkListener
}

export interface LinkListener {
  /** Redis has not answered for `answerWithin` ms. */
  down(error: unknown): void
  /** It answers again. */
  up(): void
  /** The request has been answered in time, and the ledger has read what the answer says of its keys. */
  answered(request: SyncRequest, replies: readonly KeyReply[]): void
}

/** While somebody waits, in ms: pushes get lost. */
const FALLBACK = 50
const FIRST_RETRY = 50
/**
 * Requests given up that the client may still hold: it sends all of them when Redis is back. With more, the
 * next waits until one of them is settled.
 */
const MOST_UNSETTLED = 8

/**
 * Keeps a ledger and Redis in step: one request in flight, which carries all that has come up meanwhile; a
 * heartbeat when there is nothing to tell; a fresh request, never the same again, after a failure.
 */
export class Link {
  readonly #ledger: Ledger
  readonly #port: Port
  readonly #tag: string
  readonly #instance: string
  readonly #lease: number
  readonly #answerWithin: number
  readonly #listener: LinkListener
  readonly #next = new Alarm(() => this.#send())
  readonly #expiry = new Alarm(() => this.#expire())
  readonly #answer = new Alarm(() => this.#failed(new Error(this.#silence)))
  readonly #patience = new Alarm(() => this.#giveUp())
  #unsubscribe: (() => void) | undefined
  #state: 'idle' | 'soon' | 'asking' | 'waiting to retry' | 'closed' = 'idle'
  #asked: SyncRequest | undefined
  #kicked = false
  #hasSent = false
  #unsettled = 0
  #failures = 0
  #error: unknown
  #down = false
  #closing = false
  #onClosed: (() => void)[] = []

  constructor(ledger: Ledger, options: LinkOptions) {
    this.#ledger = ledger
    this.#port = options.port
    this.#tag = options.tag
    this.#instance = options.instance
    this.#lease = options.lease
    this.#answerWithin = options.answerWithin
    this.#listener = options.listener
  }

  /** Whether Redis is taken not to answer. */
  get isDown(): boolean {
    return this.#down
  }

  /** There is something to tell: soon, with all else that happens in this turn of the event loop. */
  kick(): void {
    this.#kicked = true
    if (this.#isDone) this.#stay()
    if (this.#state !== 'idle') return
    this.#state = 'soon'
    this.#next.set(Infinity)
    setImmediate(this.#sendSoon)
  }

  /** The ledger may have something to do at another time than before. */
  rearm(): void {
    this.#expiry.set(this.#ledger.due)
  }

  /**
   * Resolves when all permits are back and Redis has been told that this instance is gone; if it does not
   * answer, it will notice by itself when the lease has ended.
   */
  close(): Promise<void> {
    this.#closing = true
    this.#ledger.close()
    if (!this.#hasSent) this.#close()
    if (this.#state === 'closed') return Promise.resolve()
    return new Promise((resolve) => this.#onClosed.push(resolve))
  }

  readonly #sendSoon = (): void => {
    if (this.#state === 'soon') this.#send()
  }

  #send(): void {
    if (this.#unsettled >= MOST_UNSETTLED) {
      this.#waitToRetry(this.#lease / 6)
      return
    }
    this.#unsubscribe ??= this.#subscribe()
    this.#kicked = false
    const now = performance.now()
    const request = this.#ledger.build(now)
    if (request === undefined) {
      this.#close()
      return
    }
    this.#state = 'asking'
    this.#asked = request
    this.#hasSent = true
    const { keys, args } = encode(this.#tag, request)
    this.#answer.set(now + this.#answerWithin)
    if (this.#error === undefined && !this.#down) this.#patience.set(now + this.#answerWithin)
    this.rearm()
    this.#run(keys, args).then(
      (raw) => this.#received(request, raw),
      (error) => {
        if (this.#asked === request) this.#failed(error)
      },
    )
  }

  /** Some clients throw rather than reject. */
  async #run(keys: string[], args: string[]): Promise<unknown> {
    this.#unsettled++
    try {
      return await this.#port.run(syncScript(), keys, args)
    } finally {
      this.#unsettled--
      if (this.#unsettled === MOST_UNSETTLED - 1 && this.#state === 'waiting to retry') this.#next.set(0)
    }
  }

  #received(request: SyncRequest, raw: unknown): void {
    if (this.#state === 'closed') return
    let reply: SyncReply
    let current: boolean
    try {
      reply = decodeReply(raw, request.keys.length)
      current = this.#ledger.onReply(request, reply, performance.now())
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      if (this.#asked === request) this.#failed(error)
      return
    }
    if (this.#ledger.closed) {
      this.#close()
      return
    }
    if (this.#asked !== request) {
      // Too late for an answer, though perhaps of use to the ledger: Redis is still as slow as that.
      this.rearm()
      return
    }
    this.#asked = undefined
    this.#failures = 0
    this.#error = undefined
    this.#answer.set(Infinity)
    this.#patience.set(Infinity)
    this.#state = 'idle'
    if (this.#down) {
      this.#down = false
      this.#listener.up()
    }
    if (current && reply.kind === 'ok') this.#listener.answered(request, reply.keys)
    this.#goOn()
  }

  #goOn(): void {
    this.rearm()
    if (this.#state !== 'idle') return
    if (this.#kicked) this.kick()
    else if (this.#ledger.waiting() > 0) this.#next.set(performance.now() + jittered(FALLBACK))
    else this.#next.set(performance.now() + this.#lease / 3)
  }

  #failed(error: unknown): void {
    if (this.#state === 'closed') return
    this.#asked = undefined
    this.#answer.set(Infinity)
    this.#error = error
    this.#waitToRetry(Math.min(FIRST_RETRY * 2 ** Math.min(this.#failures++, 20), this.#lease / 6))
  }

  #waitToRetry(pause: number): void {
    this.#state = 'waiting to retry'
    this.#next.set(performance.now() + jittered(pause))
    this.#expire()
    if (this.#down && this.#isDone) this.#close()
  }

  /** Nothing is left to do but to tell so. */
  get #isDone(): boolean {
    return this.#closing && this.#ledger.inUse() === 0
  }

  /**
   * Somebody waits to be told that it is closed, and the client may be closed already: then nothing else keeps
   * the process alive for what comes after.
   */
  #stay(): void {
    for (const alarm of [this.#next, this.#answer, this.#patience]) alarm.keepAlive()
  }

  #giveUp(): void {
    if (this.#state === 'closed' || this.#down) return
    this.#down = true
    this.#listener.down(this.#error ?? new Error(this.#silence))
    if (this.#isDone) this.#close()
  }

  #expire(): void {
    this.#ledger.expire(performance.now())
    this.rearm()
  }

  #subscribe(): () => void {
    return this.#port.subscribe(
      channelOf(this.#tag, this.#instance),
      (message) => {
        try {
          this.#ledger.onPush(decodePush(message), performance.now())
        } catch (error) {
          if (!(error instanceof WireError)) throw error
          // Whatever it was meant to say, a request will tell.
          this.kick()
        }
      },
      () => this.kick(),
    )
  }

  #close(): void {
    this.#state = 'closed'
    for (const alarm of [this.#next, this.#expiry, this.#answer, this.#patience]) alarm.stop()
    this.#unsubscribe?.()
    for (const resolve of this.#onClosed.splice(0)) resolve()
  }

  get #silence(): string {
    return `Redis did not answer within ${Math.round(this.#answerWithin)} ms`
  }
}

/** Spread by a half, since all processes begin to wait at the same moment. */
function jittered(ms: number): number {
  return ms * (0.75 + Math.random() / 2)
}
