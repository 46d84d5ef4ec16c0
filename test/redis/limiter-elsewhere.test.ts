import { afterAll, beforeAll, describe } from 'vitest'
import { describeWithRedis, describeWithServers } from './available.ts'
import { type ClientKind, clientKinds } from './clients.ts'
import { Cluster } from './cluster.ts'
import { LEASE, ripe } from './crew.ts'
import { redisLimiterContract } from './redis-limiter-contract.ts'
import { Server } from './servers.ts'
import { expectNoUnhandledError, twoClients } from './suite.ts'

expectNoUnhandledError()

const [ioredis, , , nodeRedis] = clientKinds as [ClientKind, ClientKind, ClientKind, ClientKind]

describeWithServers('redisLimiter on Valkey', ['valkey'], (kind) => {
  let server: Server

  beforeAll(async () => {
    server = await Server.start({ kind })
    await ripe(LEASE, server)
  })

  afterAll(() => server.close())

  const modes = [
    { client: ioredis, mode: 'strict', perKey: false },
    { client: nodeRedis, mode: 'local-first', perKey: true },
  ] as const
  for (const { client, mode, perKey } of modes) {
    const clients = twoClients(() => client.standalone(server.port))
    redisLimiterContract(`with ${client.name}, ${mode}`, clients, { mode, perKey })
  }
})

describeWithRedis('redisLimiter on a cluster', () => {
  let cluster: Cluster

  beforeAll(async () => {
    cluster = await Cluster.start()
    await ripe(LEASE, ...cluster.masters)
  })

  afterAll(() => cluster.close())

  describe.each([ioredis, nodeRedis])('with $name', (client) => {
    const clients = twoClients(() => client.cluster?.(cluster.roots))
    redisLimiterContract('strict, per key', clients, { perKey: true })
    if (client === ioredis) redisLimiterContract('local-first', clients, { mode: 'local-first' })
  })
})
