import { wrongType } from '@lineclear/core/check'
import { type IoredisClient, ioredisPort } from './ioredis.ts'
import { type NodeRedisClient, nodeRedisPort } from './node-redis.ts'

/** A Lua script and the SHA-1 of its text. */
export interface Script {
  readonly text: string
  readonly sha: string
}

/** What the limiter needs of a Redis or Valkey client. */
export interface Port {
  /** Whether its keys lie on several nodes, by slot. */
  readonly isCluster: boolean

  /**
   * Runs a script by its SHA, or by its text where the server does not know it. All keys lie in one slot, and
   * the script may touch no others: the client may put a prefix of its own before each. On a cluster it always
   * runs on a master.
   * Resolves to the reply, whose whole numbers are strings where the client was told so (`stringNumbers`).
   * Rejects with the client's error; with node-redis also before the user has called `connect()`.
   * It has no time-out of its own: a hung server, or one that is gone while the client queues its commands,
   * leaves it pending.
   */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>

  /**
   * Hears a channel, whose name no client prefixes, on a connection of its own, which all limiters of one
   * client share. `onSubscribed` is called, never at once, whenever the subscription stands, the first time
   * and after each reconnect: what was published before is lost. It reconnects for ever, and tells no error.
   * Returns a function that stops it: neither function is called any more, and with the last channel the
   * connection is closed. The connection alone does not keep the process alive.
   */
  subscribe(channel: string, onMessage: (message: string) => void, onSubscribed: () => void): () => void
}

/** A client of ioredis 5 or 6, iovalkey, or node-redis 5 or 6; also their clusters, and node-redis's pool. */
export type RedisClient = IoredisClient | NodeRedisClient

const ports = new WeakMap<RedisClient, Port>()

/**
 * The port of a client, always the same for the same client.
 * Throws a TypeError if it is none that we know.
 */
export function portFor(client: RedisClient): Port {
  let port = ports.get(client)
  if (port === undefined) {
    port = newPort(client)
    ports.set(client, port)
  }
  return port
}

function newPort(client: unknown): Port {
  // By what it can do: the name of its class is lost when a program is minified.
  if (isNodeRedis(client)) return nodeRedisPort(client)
  if (isIoredis(client)) return ioredisPort(client)
  throw wrongType('client', 'a client of ioredis, iovalkey or node-redis', client)
}

function isIoredis(client: unknown): client is IoredisClient {
  return can(client, 'evalsha', 'eval', 'duplicate')
}

function isNodeRedis(client: unknown): client is NodeRedisClient {
  if (!can(client, 'evalSha', 'eval', 'withTypeMapping')) return false
  return can(client, 'duplicate', 'subscribe', 'unref') || can(client, 'nodeClient') || can(client, 'execute')
}

function can(client: unknown, ...methods: string[]): boolean {
  if (typeof client !== 'object' || client === null) return false
  return methods.every((method) => typeof (client as Record<string, unknown>)[method] === 'function')
}
