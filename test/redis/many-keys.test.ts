import { redisLimiter } from '@lineclear/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithRedis } from './available.ts'
import { type ClientKind, clientKinds, type UsersClient } from './clients.ts'
import { LEASE, newName, ripe } from './crew.ts'
import { Server } from './servers.ts'

const [ioredis] = clientKinds as [ClientKind]

describeWithRedis('A limiter of many keys', () => {
  let server: Server
  let client: UsersClient

  beforeAll(async () => {
    server = await Server.start()
    await ripe(LEASE, server)
    client = await ioredis.standalone(server.port)
  })

  afterAll(async () => {
    await client.end()
    await server.close()
  })

  test('tells of all that are released at once, though one request has no room for them', async () => {
    const keys = Array.from({ length: 300 }, (_, index) => `key ${index}`)
    const options = { name: newName(), limit: 1, perKey: true }
    // With its long lease the other would be the first to come, and have to wait for as long.
    const first = redisLimiter(client.client, { ...options, lease: LEASE })
    const other = await first.acquire()
    // No heartbeat is to come to help: it tells the rest in the end.
    const limiter = redisLimiter(client.client, { ...options, lease: 60_000 })
    const permits = await Promise.all(keys.map((key) => limiter.acquire({ key })))
    const held = async () => {
      const stats = await Promise.all(keys.map((key) => limiter.stats(key)))
      return stats.reduce((sum, { inUse }) => sum + inUse, 0)
    }
    expect(await held()).toBe(300)
    for (const permit of permits) permit.release()
    await expect.poll(held, { timeout: 2000 }).toBe(0)
    other.release()
    await Promise.all([first.close(), limiter.close()])
  })
})
