// Compiled, never run: real clients pass for what the port asks, whatever their options.
import type { RedisClient } from '@lineclear/redis'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey'
import { createClient, createClientPool, createCluster, RESP_TYPES } from 'redis'

export function everyClient(): RedisClient[] {
  return [
    new Redis(),
    new Redis({ protocol: 3, replyMapping: 'resp3' }),
    new Cluster([]),
    new Redis5(),
    new Cluster5([]),
    new Valkey(),
    new ValkeyCluster([]),
    createClient(),
    createClient({ RESP: 3 }),
    createClient({ RESP: 2, scripts: {}, modules: {} }),
    createClient().withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }),
    createCluster({ rootNodes: [] }),
    createCluster({ rootNodes: [], RESP: 2 }),
    createClientPool(),
  ]
}

export function noClient(): RedisClient[] {
  return [
    // @ts-expect-error
    {},
    // @ts-expect-error
    new Map(),
    // @ts-expect-error
    'redis://localhost',
  ]
}
