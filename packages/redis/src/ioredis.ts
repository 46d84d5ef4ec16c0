import type { Port, Script } from './port.ts'
import { runScript } from './run-script.ts'
import { type Connection, type ConnectionEvents, Subscriber } from './subscriber.ts'

/** A client of ioredis 5 or 6 or of iovalkey: a `Redis` or a `Cluster`. */
export interface IoredisClient {
  evalsha(sha: string, numberOfKeys: number, ...keysAndArgs: string[]): Promise<unknown>
  eval(script: string, numberOfKeys: number, ...keysAndArgs: string[]): Promise<unknown>
  duplicate(): unknown
}

/** What else they have, and we use. */
interface Redis extends IoredisClient {
  readonly isCluster?: false
  readonly options: { readonly host?: string; readonly port?: number }
  readonly stream?: { unref?(): void }
  duplicate(override?: object): Redis
  connect(): Promise<unknown>
  disconnect(): void
  subscribe(channel: string): Promise<unknown>
  unsubscribe(channel: string): Promise<unknown>
  ping(): Promise<unknown>
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  on(event: 'connect' | 'end' | 'error', listener: () => void): unknown
}

interface Cluster extends IoredisClient {
  readonly isCluster: true
  readonly options: { readonly enableAutoPipelining?: boolean }
  nodes(role?: 'master'): Redis[]
  pipeline(commands: unknown[][]): { exec(): Promise<[Error | null, unknown][] | null> }
}

export function ioredisPort(given: IoredisClient): Port {
  const client = given as Redis | Cluster
  const subscriber = new Subscriber((events) => new IoredisConnection(client, events))
  // A cluster's automatic pipelines would be chosen by the SHA in place of the key (ioredis before 6,
  // iovalkey), and refuse to mix keys of two nodes.
  const send =
    client.isCluster && client.options.enableAutoPipelining ? sendInPipeline(client) : sendTo(client)
  return {
    isCluster: client.isCluster === true,
    run: (script, keys, args) => runScript((way) => send(way, script, keys, args)),
    subscribe: (channel, onMessage, onSubscribed) => subscriber.subscribe(channel, onMessage, onSubscribed),
  }
}

type Send = (
  way: 'sha' | 'text',
  script: Script,
  keys: readonly string[],
  args: readonly string[],
) => Promise<unknown>

function sendTo(client: IoredisClient): Send {
  return (way, { sha, text }, keys, args) =>
    way === 'sha'
      ? client.evalsha(sha, keys.length, ...keys, ...args)
      : client.eval(text, keys.length, ...keys, ...args)
}

function sendInPipeline(client: Cluster): Send {
  return async (way, { sha, text }, keys, args) => {
    const command = way === 'sha' ? ['evalsha', sha] : ['eval', text]
    const results = await client.pipeline([[...command, keys.length, ...keys, ...args]]).exec()
    const [error, reply] = results?.[0] ?? [new Error('the pipeline was answered with nothing'), undefined]
    if (error) throw error
    return reply
  }
}

class IoredisConnection implements Connection {
  readonly ready: Promise<unknown>
  readonly #client: Redis | Cluster
  #own: Redis | undefined

  constructor(client: Redis | Cluster, events: ConnectionEvents) {
    this.#client = client
    this.ready = this.#open(events)
  }

  async #open(events: ConnectionEvents): Promise<void> {
    const own = aNode(this.#client).duplicate({
      lazyConnect: true,
      // The subscriber reconnects: whatever the user's client does when it is lost, that is not for us.
      retryStrategy: () => null,
      reconnectOnError: null,
      // A time-out would look like an answer.
      commandTimeout: undefined,
      enableAutoPipelining: false,
    })
    this.#own = own
    own.on('message', events.message)
    own.on('end', events.ended)
    own.on('error', ignore)
    own.on('connect', () => own.stream?.unref?.())
    await own.connect()
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#opened.subscribe(channel)
  }

  unsubscribe(channel: string): Promise<unknown> {
    return this.#opened.unsubscribe(channel)
  }

  ping(): Promise<unknown> {
    return this.#opened.ping()
  }

  astray(): boolean {
    if (!this.#client.isCluster) return false
    const { host, port } = this.#opened.options
    const nodes = this.#client.nodes()
    return nodes.length > 0 && !nodes.some(({ options }) => options.host === host && options.port === port)
  }

  close(): void {
    this.#own?.disconnect()
  }

  get #opened(): Redis {
    if (this.#own === undefined) throw new Error('there is no connection yet')
    return this.#own
  }
}

/** A published message reaches every node of a cluster, so one node is enough to hear all of them. */
function aNode(client: Redis | Cluster): Redis {
  if (!client.isCluster) return client
  const masters = client.nodes('master')
  const node = masters[Math.floor(Math.random() * masters.length)]
  if (node === undefined) throw new Error('no node of the cluster is known yet')
  return node
}

function ignore(): void {}
