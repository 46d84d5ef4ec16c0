import { redisLimiter } from '@lineclear/redis'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { describeWithRedis } from './available.ts'
import { clientKinds } from './clients.ts'
import { Server } from './servers.ts'

describeWithRedis('a queue without end', () => {
  let server: Server
  beforeAll(async () => {
    server = await Server.start()
  })
  afterAll(() => server.close())

  test.each(clientKinds)('is understood, with $name', async ({ name, standalone }) => {
    const { client, end } = await standalone(server.port)
    const options = { name: name.replace(/\W/g, '-'), limit: 1, queue: Infinity, lease: 500 }
    const limiter = redisLimiter(client, { ...options, degraded: 'closed' })
    const permit = await limiter.acquire()
    expect(await limiter.stats()).toMatchObject({ queue: Infinity, inUse: 1 })
    permit.release()
    await limiter.close()
    await end()
  })
})
