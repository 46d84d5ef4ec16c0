import { createServer, type Server } from 'node:net'
import { redisLimiter } from '@lineclear/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

describe('redisLimiter at a server that never answers', () => {
  let server: Server
  let client: Redis

  beforeAll(async () => {
    server = createServer(() => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    client = new Redis({ port: (server.address() as { port: number }).port, retryStrategy: () => null })
  })

  afterAll(() => {
    client.disconnect()
    server.close()
  })

  test('says for how many whole ms it waited', async () => {
    const told: unknown[] = []
    const onDegraded = ({ error }: { error: unknown }) => told.push(error)
    const limiter = redisLimiter(client, { name: 'a', limit: 1, lease: 500, onDegraded })
    const permit = await limiter.acquire()
    expect(told).toEqual([new Error('Redis did not answer within 83 ms')])
    permit.release()
    await limiter.close()
  })
})
