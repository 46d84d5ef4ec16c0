import { Redis } from 'ioredis'
import { afterAll, beforeAll } from 'vitest'
import { Server } from './servers.ts'

interface Stand {
  server: Server
  /** Asks. */
  redis: Redis
  /** Hears what is published. */
  hearer: Redis
}

/** A server for the tests of a suite, and connections for `replay()`. */
export function serverToReplayOn(): () => Stand {
  let stand: Stand

  beforeAll(async () => {
    const server = await Server.start()
    stand = { server, redis: new Redis(server.port), hearer: new Redis(server.port) }
  })

  afterAll(async () => {
    stand.redis.disconnect()
    stand.hearer.disconnect()
    await stand.server.close()
  })

  return () => stand
}
