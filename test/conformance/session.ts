import type { Client } from './client/client.ts'
import type { Exchange, RequestOptions } from './client/exchange.ts'
import { Http1Client } from './client/http1.ts'
import { Http2Client } from './client/http2.ts'
import type { Host } from './runtimes.ts'
import type { Site } from './site.ts'
import type { State } from './stage/stage.ts'
import type { Target } from './targets.ts'
import { protocolOf, type Transport } from './transport.ts'

/** What a scenario has in hand: a server freshly set up, clients for it, and the view behind the scenes. */
export class Session {
  readonly target: Target
  readonly transport: Transport
  readonly host: Host
  readonly patience: number
  readonly #site: Site
  readonly #port: number
  readonly #clients: Client[] = []

  constructor(site: Site, port: number, target: Target, transport: Transport, patience: number) {
    this.#site = site
    this.host = site.host
    this.#port = port
    this.target = target
    this.transport = transport
    this.patience = patience
  }

  /** A new client, with a connection of its own. */
  client(): Client {
    const secure = this.transport === 'tls' || this.transport === 'h2s'
    const Client = protocolOf(this.transport) === 'HTTP/1' ? Http1Client : Http2Client
    const client = new Client(this.#port, secure, this.patience)
    this.#clients.push(client)
    return client
  }

  /** A request by a client of its own. */
  request(path: string, options?: RequestOptions): Exchange {
    return this.client().request(path, options)
  }

  state(): Promise<State> {
    return this.#site.ask('state')
  }

  async open(gate: string): Promise<void> {
    await this.#site.ask('open', gate)
  }

  async perform(command: string): Promise<void> {
    await this.#site.ask('do', command)
  }

  /** Resolves when the server is in a state with these values. */
  async until(expected: Expected): Promise<void> {
    const end = performance.now() + this.patience
    for (let tries = 0; ; tries++) {
      const state = await this.state()
      if (matches(state, expected)) return
      if (performance.now() > end) {
        throw new Error(`waited in vain for ${JSON.stringify(expected)}: ${JSON.stringify(state)}`)
      }
      // Soon it is worth it to leave the processor to others.
      if (tries > 20) await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** Resolves when an endless body is read no more, because nobody takes it. */
  async untilStuck(): Promise<void> {
    let before = -1
    for (let same = 0; same < 5; ) {
      const { pulled } = await this.state()
      same = pulled > 0 && pulled === before ? same + 1 : 0
      before = pulled
    }
  }

  /**
   * Resolves when the exchange is over: the framework ends it, or where it is known not to, the client
   * leaves.
   */
  async untilOver(exchange: Exchange, client: Client, what: string = exchange.path): Promise<void> {
    const { leavesOpen = [] } = this.target
    if (leavesOpen.includes(what) || leavesOpen.includes(`${protocolOf(this.transport)} ${what}`)) {
      await this.remains({ inUse: 1 })
      client.leave('RST')
    } else await exchange.isOver()
  }

  /** Resolves when nothing is in use or waits, and stragglers have had some turns to change that. */
  async settles(): Promise<State> {
    for (;;) {
      await this.until({ inUse: 0, waiting: 0 })
      const states = [await this.state(), await this.state()]
      if (states.every((state) => matches(state, { inUse: 0, waiting: 0 }))) return states[1] as State
    }
  }

  /** Resolves when the server has had some turns to change these values, and has not. */
  async remains(expected: Expected): Promise<void> {
    for (let look = 0; look < 3; look++) {
      const state = await this.state()
      if (!matches(state, expected)) {
        throw new Error(`did not remain ${JSON.stringify(expected)}: ${JSON.stringify(state)}`)
      }
    }
  }

  /** Ends what its clients have left open. */
  end(): void {
    for (const client of this.#clients) client.destroy()
  }
}

/** Values the state must have; of lists, how long they are or what they contain. */
type Expected = { [K in keyof State]?: State[K] extends string[] ? number | string : State[K] }

function matches(state: State, expected: Expected): boolean {
  return Object.entries(expected).every(([name, value]) => {
    const actual = state[name as keyof State]
    if (!Array.isArray(actual)) return actual === value
    return typeof value === 'number' ? actual.length === value : actual.includes(value as string)
  })
}
