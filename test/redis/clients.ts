import { once } from 'node:events'
import type { RedisClient } from '@lineclear/redis'
import * as ioredis from 'ioredis'
import * as ioredis5 from 'ioredis5'
import * as iovalkey from 'iovalkey'
import { createClient, createClientPool, createCluster } from 'redis'

/** A user's client, and how the user ends it. */
export interface UsersClient {
  readonly client: RedisClient
  end(): unknown
}

export interface ClientOptions {
  keyPrefix?: string | undefined
  /** Set to whatever gives up soonest: no queue while offline, no attempt to connect again. */
  impatient?: boolean | undefined
  /** Told whenever the client's own strategy is asked whether to connect again. */
  onRetry?: (() => void) | undefined
}

/** In ms. Less than two checks of the subscriber's connection, which is not to take it for an answer. */
const COMMAND_TIMEOUT = 3_000

export interface ClientKind {
  readonly name: string
  /** A connected client. */
  standalone(port: number, options?: ClientOptions): Promise<UsersClient>
  /** A connected client of a cluster, which sends what it may to replicas, and batches what it can. */
  cluster?(roots: { host: string; port: number }[]): Promise<UsersClient>
}

type Ioredis = Pick<typeof ioredis, 'Redis' | 'Cluster'>

function ofIoredis(name: string, { Redis, Cluster }: Ioredis): ClientKind {
  return {
    name,
    async standalone(port, { keyPrefix = '', impatient = false, onRetry } = {}) {
      const client = new Redis({
        port,
        keyPrefix,
        commandTimeout: COMMAND_TIMEOUT,
        lazyConnect: impatient,
        retryStrategy: () => {
          onRetry?.()
          return impatient ? null : 20
        },
        ...(impatient && { enableOfflineQueue: false, maxRetriesPerRequest: 0 }),
      })
      client.on('error', ignore)
      if (impatient) await client.connect()
      else await once(client, 'ready')
      return { client, end: () => client.disconnect() }
    },
    async cluster(roots) {
      const client = new Cluster(roots, {
        lazyConnect: true,
        scaleReads: 'slave',
        enableAutoPipelining: true,
        slotsRefreshInterval: 200,
        clusterRetryStrategy: () => 20,
      })
      client.on('error', ignore)
      await client.connect()
      return { client, end: () => client.disconnect() }
    },
  }
}

const nodeRedis = (RESP: 2 | 3): ClientKind => ({
  name: `node-redis with RESP${RESP}`,
  async standalone(port, { keyPrefix = '', impatient = false, onRetry } = {}) {
    const client = createClient({
      RESP,
      keyPrefix,
      commandOptions: { timeout: COMMAND_TIMEOUT },
      disableOfflineQueue: impatient,
      socket: { port, reconnectStrategy: strategy(impatient, onRetry) },
    })
    client.on('error', ignore)
    await client.connect()
    return { client, end: () => client.destroy() }
  },
  async cluster(roots) {
    const client = createCluster({
      RESP,
      rootNodes: roots.map((socket) => ({ socket })),
      useReplicas: true,
      defaults: { socket: { reconnectStrategy: 20 } },
    })
    client.on('error', ignore)
    await client.connect()
    return { client, end: () => client.destroy() }
  },
})

const nodeRedisPool: ClientKind = {
  name: "node-redis's pool",
  async standalone(port, { keyPrefix = '', impatient = false, onRetry } = {}) {
    const pool = createClientPool({
      keyPrefix,
      disableOfflineQueue: impatient,
      socket: { port, reconnectStrategy: strategy(impatient, onRetry) },
    })
    pool.on('error', ignore)
    await pool.connect()
    return { client: pool, end: () => pool.destroy() }
  },
}

export const clientKinds: readonly ClientKind[] = [
  ofIoredis('ioredis 6', ioredis),
  // The same to use; only its types were written anew.
  ofIoredis('ioredis 5', ioredis5 as unknown as Ioredis),
  ofIoredis('iovalkey', iovalkey as unknown as Ioredis),
  nodeRedis(2),
  nodeRedis(3),
  nodeRedisPool,
]

function strategy(impatient: boolean, onRetry: (() => void) | undefined): () => number | false {
  return () => {
    onRetry?.()
    return impatient ? false : 20
  }
}

function ignore(): void {}
