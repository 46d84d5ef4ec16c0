/** One connection that hears channels. It never reconnects: when it has ended, another is opened. */
export interface Connection {
  /** Resolves when it can be used; rejects when it never will. */
  readonly ready: Promise<unknown>
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  /** Any answer, an error too, shows that the server is still there. */
  ping(): Promise<unknown>
  /** Whether it leads to a node that has left the cluster, where nothing is to be heard any more. */
  astray(): boolean
  /** At any time, also before it is ready and more than once. */
  close(): void
}

/** What a connection tells, never during the call that makes it. */
export interface ConnectionEvents {
  message(channel: string, message: string): void
  /** It is over, for whatever reason; may be told more than once. */
  ended(): void
}

export type Connect = (events: ConnectionEvents) => Connection

interface Listener {
  readonly onMessage: (message: string) => void
  readonly onSubscribed: () => void
}

interface Channel {
  readonly listeners: Set<Listener>
  /** On the present connection. */
  state: 'unheard' | 'asked' | 'stands'
}

/** In ms. A connection that has not answered for as long is replaced. */
const CHECK_EVERY = 5_000
/** In ms. The pause before another connection is opened, doubled each time until a subscription stands. */
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 2_000

/**
 * Hears channels over one connection at a time, for ever: it ends with the last channel, and is opened anew
 * with the next. It reconnects by itself, since clients differ in whether and when they give up, and in how
 * they tell that a subscription stands again. None of its errors is told: who listens must do without for as
 * long as `onSubscribed` is not called.
 */
export class Subscriber {
  readonly #connect: Connect
  readonly #checkEvery: number
  readonly #channels = new Map<string, Channel>()
  #connection: Connection | undefined
  #ready = false
  #answered = false
  /** The next check of the connection, or the next attempt at one. */
  #timer: ReturnType<typeof setTimeout> | undefined
  #failures = 0

  constructor(connect: Connect, checkEvery: number = CHECK_EVERY) {
    this.#connect = connect
    this.#checkEvery = checkEvery
  }

  subscribe(name: string, onMessage: (message: string) => void, onSubscribed: () => void): () => void {
    const listener = { onMessage, onSubscribed }
    const channel = this.#channels.get(name) ?? { listeners: new Set(), state: 'unheard' }
    this.#channels.set(name, channel)
    channel.listeners.add(listener)
    if (this.#timer === undefined) this.#open()
    else if (channel.state === 'unheard') this.#ask(name, channel)
    else if (channel.state === 'stands') {
      queueMicrotask(() => {
        if (channel.listeners.has(listener) && channel.state === 'stands') onSubscribed()
      })
    }
    return () => this.#leave(name, channel, listener)
  }

  #leave(name: string, channel: Channel, listener: Listener): void {
    if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return
    this.#channels.delete(name)
    if (this.#channels.size === 0) this.#close()
    else if (channel.state !== 'unheard') this.#connection?.unsubscribe(name).catch(ignore)
  }

  #open(): void {
    const connection = this.#connect({
      message: (name, message) => {
        if (connection !== this.#connection) return
        for (const { onMessage } of this.#channels.get(name)?.listeners ?? []) onMessage(message)
      },
      ended: () => this.#replace(connection),
    })
    this.#connection = connection
    this.#timer = idleTimer(() => this.#check(connection), this.#checkEvery)
    connection.ready.then(
      () => this.#begin(connection),
      () => this.#replace(connection),
    )
  }

  #begin(connection: Connection): void {
    if (connection !== this.#connection) return
    this.#ready = true
    this.#answered = true
    for (const [name, channel] of this.#channels) this.#ask(name, channel)
  }

  #ask(name: string, channel: Channel): void {
    const connection = this.#connection
    if (connection === undefined || !this.#ready) return
    channel.state = 'asked'
    connection.subscribe(name).then(
      () => {
        if (connection !== this.#connection) return
        channel.state = 'stands'
        this.#failures = 0
        for (const { onSubscribed } of channel.listeners) onSubscribed()
      },
      () => {
        // Perhaps a channel that this user may not hear: the others go on, and the next check asks again.
        if (connection === this.#connection) channel.state = 'unheard'
      },
    )
  }

  #check(connection: Connection): void {
    if (!this.#answered || connection.astray()) {
      this.#replace(connection)
      return
    }
    this.#answered = false
    const answer = () => {
      if (connection === this.#connection) this.#answered = true
    }
    connection.ping().then(answer, answer)
    for (const [name, channel] of this.#channels) if (channel.state === 'unheard') this.#ask(name, channel)
    this.#timer = idleTimer(() => this.#check(connection), this.#checkEvery)
  }

  #replace(connection: Connection): void {
    if (connection !== this.#connection) return
    this.#close()
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.#failures++, 10))
    // Spread out, since all processes lose a server at the same moment.
    this.#timer = idleTimer(() => this.#open(), pause * (0.5 + Math.random() / 2))
  }

  #close(): void {
    const connection = this.#connection
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#connection = undefined
    this.#ready = false
    this.#answered = false
    for (const channel of this.#channels.values()) channel.state = 'unheard'
    connection?.close()
  }
}

/** A timer that does not keep the process alive. */
function idleTimer(call: () => void, ms: number): ReturnType<typeof setTimeout> {
  const timer = setTimeout(call, ms)
  ;(timer as { unref?: () => void }).unref?.()
  return timer
}

function ignore(): void {}
