import { Redis } from 'ioredis'
import { expect, it } from 'vitest'
import { syncScript } from '../../packages/redis/src/script.ts'
import { encode, type SyncRequest } from '../../packages/redis/src/wire.ts'
import { describeWithRedis } from './available.ts'
import { explore } from './explorer.ts'
import { replay } from './replay.ts'
import { serverToReplayOn } from './replay-server.ts'

const more = process.env.MORE === '1'

describeWithRedis('The script, on a real server', () => {
  const stand = serverToReplayOn()

  it(
    'answers and publishes as the model does',
    async () => {
      const { redis, hearer } = stand()
      let syncs = 0
      for (let seed = 0; seed < (more ? 2000 : 150); seed++) {
        const { deeds } = explore(seed)
        syncs += await replay(redis, hearer, deeds).catch((error) => {
          throw new Error(`Seed ${seed}: ${error.message}`, { cause: error })
        })
      }
      expect(syncs).toBeGreaterThan(10_000)
    },
    more ? 1_200_000 : 60_000,
  )

  const first: SyncRequest = {
    incarnation: 'a.0',
    number: 1,
    registered: false,
    epoch: '',
    revision: 0,
    confirmed: 0,
    previous: '',
    lease: 10_000,
    keyed: false,
    local: false,
    bye: false,
    keys: [],
  }

  it('runs on the clock of the server, which has just begun: it learns for a lease', async () => {
    const { redis } = stand()
    await redis.flushall()
    const { keys, args } = encode('{t}', first)
    const reply = (await redis.eval(syncScript().text, keys.length, ...keys, ...args)) as unknown[]
    expect(reply[5]).toBe(10_000)
    const [seconds] = await redis.time()
    expect(Math.abs(Number(reply[3]) / 1e6 - Number(seconds))).toBeLessThan(60)
    expect(await redis.evalsha(syncScript().sha, keys.length, ...keys, ...args)).toEqual([2, 1])
  })

  it('learns for a lease where it may not ask for how long the server has run', async () => {
    const { server, redis } = stand()
    await redis.flushall()
    const rules = ['on', '>secret', '~*', '&*', '+@all', '-info']
    await redis.acl('SETUSER', 'restricted', ...rules)
    const restricted = new Redis(server.port, '127.0.0.1', { username: 'restricted', password: 'secret' })
    const { keys, args } = encode('{t}', { ...first, lease: 1 })
    const reply = (await restricted.eval(syncScript().text, keys.length, ...keys, ...args)) as unknown[]
    restricted.disconnect()
    expect(reply.slice(0, 2)).toEqual([0, 1])
    expect(reply[5]).toBe(1)
  })
})
