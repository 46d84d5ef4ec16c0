import type { Port } from './port.ts'
import { runScript } from './run-script.ts'
import { type Connection, type ConnectionEvents, Subscriber } from './subscriber.ts'

/** A client of node-redis 5 or 6: of `createClient`, `createCluster` or `createClientPool`. */
export interface NodeRedisClient {
  evalSha(sha: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>
  withTypeMapping(typeMapping: object): unknown
}

/** What else they have, and we use. */
interface Client extends NodeRedisClient {
  readonly isOpen: boolean
  readonly options?: { readonly socket?: object }
  withTypeMapping(typeMapping: object): Client
  duplicate(overrides: object): Client
  connect(): Promise<unknown>
  destroy(): void
  unref(): void
  subscribe(channel: string, listener: (message: string, channel: string) => void): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  on(event: 'error' | 'end', listener: () => void): unknown
  once(event: 'connect', listener: () => void): unknown
}

interface ClusterNode {
  readonly address: string
}

interface Cluster extends NodeRedisClient {
  readonly masters: readonly ClusterNode[]
  nodeClient(node: ClusterNode): Promise<Client>
}

interface Pool extends NodeRedisClient {
  execute<T>(work: (client: Client) => T): Promise<T>
}

export function nodeRedisPort(given: NodeRedisClient): Port {
  // The reply is to come as it is, whatever types the user's client makes of replies.
  const client = given.withTypeMapping({}) as Client
  const subscriber = new Subscriber((events) => new NodeRedisConnection(given as Client, events))
  return {
    isCluster: typeof (given as Partial<Cluster>).nodeClient === 'function',
    run: (script, keys, args) =>
      runScript((way) => {
        const options = { keys: [...keys], arguments: [...args] }
        return way === 'sha' ? client.evalSha(script.sha, options) : client.eval(script.text, options)
      }),
    subscribe: (channel, onMessage, onSubscribed) => subscriber.subscribe(channel, onMessage, onSubscribed),
  }
}

class NodeRedisConnection implements Connection {
  readonly ready: Promise<unknown>
  readonly #client: Client | Cluster | Pool
  readonly #onMessage: (message: string, channel: string) => void
  #own: Client | undefined
  #address: string | undefined
  #connected = false
  #closed = false

  constructor(client: Client | Cluster | Pool, events: ConnectionEvents) {
    this.#client = client
    this.#onMessage = (message, channel) => events.message(channel, message)
    this.ready = this.#open(events)
  }

  async #open(events: ConnectionEvents): Promise<void> {
    const own = await this.#duplicate()
    if (this.#closed) return
    this.#own = own
    // It does not reconnect, so that each error is its last.
    own.on('error', events.ended)
    own.on('end', events.ended)
    own.once('connect', () => {
      this.#connected = true
      if (this.#closed) this.close()
    })
    own.unref()
    await own.connect()
  }

  async #duplicate(): Promise<Client> {
    if ('nodeClient' in this.#client) {
      // A published message reaches every node of a cluster, so one node is enough to hear all of them.
      const { masters } = this.#client
      const node = masters[Math.floor(Math.random() * masters.length)]
      if (node === undefined) throw new Error('no node of the cluster is known yet')
      this.#address = node.address
      return copyOf(await this.#client.nodeClient(node))
    }
    if ('execute' in this.#client) return this.#client.execute(copyOf)
    return copyOf(this.#client)
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#opened.subscribe(channel, this.#onMessage)
  }

  unsubscribe(channel: string): Promise<unknown> {
    return this.#opened.unsubscribe(channel)
  }

  ping(): Promise<unknown> {
    return this.#opened.ping()
  }

  astray(): boolean {
    if (!('nodeClient' in this.#client)) return false
    const { masters } = this.#client
    return masters.length > 0 && !masters.some(({ address }) => address === this.#address)
  }

  close(): void {
    this.#closed = true
    // While the socket is not yet connected, there is nothing that destroying could reach: it comes later.
    if (this.#connected && this.#own?.isOpen) this.#own.destroy()
  }

  get #opened(): Client {
    if (this.#own === undefined) throw new Error('there is no connection yet')
    return this.#own
  }
}

function copyOf(client: Client): Client {
  return client.duplicate({
    // The subscriber reconnects: whatever the user's client does when it is lost, that is not for us.
    socket: { ...client.options?.socket, reconnectStrategy: false },
    // Nor are what it sets for its commands, such as a signal, and its cache.
    commandOptions: undefined,
    clientSideCache: undefined,
  })
}
