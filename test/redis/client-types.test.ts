import { readdirSync, readFileSync } from 'node:fs'
import type { RedisClient } from '@lineclear/redis'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey'
import { createClient, createClientPool, createCluster, RESP_TYPES } from 'redis'
import { expect, expectTypeOf, test } from 'vitest'

const sources = new URL('../../packages/redis/src/', import.meta.url)

test('the package imports no client, not even its types: each is an optional peer', () => {
  // The command is beside the library, and takes whichever is there.
  for (const file of readdirSync(sources).filter((name) => name.endsWith('.ts'))) {
    const text = readFileSync(new URL(file, sources), 'utf8')
    expect(text, file).not.toMatch(/['"](ioredis|iovalkey|redis|@redis\/.*)['"]/)
  }
})

test('real clients pass for what the port asks, whatever their options, and other things do not', () => {
  expectTypeOf(everyClient).returns.toExtend<RedisClient[]>()
  expectTypeOf(noClient).returns.toExtend<RedisClient[]>()
})

/** Compiled, never called. */
function everyClient(): RedisClient[] {
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

/** Compiled, never called. */
function noClient(): RedisClient[] {
  return [
    // @ts-expect-error
    {},
    // @ts-expect-error
    new Map(),
    // @ts-expect-error
    'redis://localhost',
  ]
}
