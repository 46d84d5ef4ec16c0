import { afterAll, beforeAll, describe } from 'vitest'
import { describeWithRedis } from './available.ts'
import { clientKinds } from './clients.ts'
import { LEASE, ripe } from './crew.ts'
import { redisLimiterContract } from './redis-limiter-contract.ts'
import { Server } from './servers.ts'
import { expectNoUnhandledError, twoClients } from './suite.ts'

expectNoUnhandledError()

describeWithRedis('redisLimiter', () => {
  let server: Server

  beforeAll(async () => {
    server = await Server.start()
    await ripe(LEASE, server)
  })

  afterAll(() => server.close())

  describe.each(clientKinds)('with $name', ({ name, standalone }) => {
    const clients = twoClients(() => standalone(server.port))
    redisLimiterContract('strict', clients, {})
    if (name !== 'ioredis 6' && name !== 'node-redis with RESP2') return
    redisLimiterContract('local-first, per key', clients, { mode: 'local-first', perKey: true })
    if (name !== 'ioredis 6') return
    redisLimiterContract('local-first', clients, { mode: 'local-first' })
    redisLimiterContract('strict, per key', clients, { perKey: true })
  })
})
