import { getEventListeners } from 'node:events'
import { type RedisLimiter, type RedisPermit, redisLimiter } from '@lineclear/redis'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Traces } from '../traces.ts'
import { describeWithRedis } from './available.ts'
import { Server } from './servers.ts'
import { until } from './until.ts'

const LEASE = 500
/** Of four acquires each. */
const GROUPS = 10_000
const AT_ONCE = 200
const WAVES = 10
const WAVE = 1000

describeWithRedis('nothing is left', () => {
  let server: Server
  let client: Redis
  beforeAll(async () => {
    server = await Server.start()
  })
  afterAll(() => server.close())
  beforeEach(async () => {
    await server.ask('FLUSHALL')
    client = new Redis(server.port)
  })
  afterEach(() => client.disconnect())

  const keys = async (): Promise<string[]> => ((await server.ask('KEYS', '*')) as string[]).sort()

  test('of a limiter that is closed, neither here nor in Redis', async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length
    await client.ping()
    const before = timers()
    const traces = new Traces()
    for (let round = 0; round < 50; round++) await openAndClose(`${round}`)
    expect(await traces.remains()).toEqual([])
    await until('nobody listens', async () => (await server.clients('pubsub')).length === 0)
    expect(timers()).toBeLessThanOrEqual(before)
    expect(await keys()).toEqual(['{lineclear:closed|0}:m'])
    expect(await server.ask('HLEN', '{lineclear:closed|0}:m')).toBe(8)

    async function openAndClose(key: string): Promise<void> {
      const limiter = redisLimiter(client, { name: 'closed', limit: 3, lease: LEASE, perKey: true })
      traces.note('limiter', limiter)
      const permit = traces.note('permit', await limiter.acquire({ key, timeout: 60_000 }))
      permit.release()
      await limiter.close()
    }
  })

  test('of requests that went in, gave up or came too late, on a limiter that stays', async () => {
    const traces = new Traces()
    const limiter = redisLimiter(client, { name: 'traces', limit: 1, queue: 10, lease: LEASE })
    const lasting = new AbortController().signal
    const ask = async (request: object): Promise<unknown> => {
      const promise = traces.note('promise', limiter.acquire(request))
      return outcome(promise.then((permit) => traces.note('permit', permit)))
    }

    await ask({})
    await (async () => {
      const holder = traces.note('permit', await limiter.acquire({ signal: lasting }))
      const controller = new AbortController()
      const waits = [
        ask({ timeout: 5 }),
        ask({ signal: traces.note('signal', controller.signal) }),
        ask({ timeout: 0 }),
        ask({ signal: lasting, timeout: 60_000 }),
      ]
      expect([await waits[0], await waits[2]]).toEqual(['timeout', 'timeout'])
      const reason = traces.note('reason', new Error('gave up'))
      controller.abort(reason)
      expect(await waits[1]).toBe(reason)
      traces.note('signal', holder.signal)
      holder.release()
      expect(await waits[3]).toBe('went in')
    })()

    expect(getEventListeners(lasting, 'abort')).toEqual([])
    expect(await traces.remains()).toEqual([])
    expect(limiter).toMatchObject({ inUse: 0, waiting: 0 })
    await limiter.close()
  })

  describe.each(['strict', 'local-first'] as const)('in %s mode', (mode) => {
    const options = { limit: 1, lease: LEASE, mode }

    test('of keys that nobody uses any more, neither here nor in Redis', { timeout: 60_000 }, async () => {
      const limiter = redisLimiter(client, { ...options, name: 'keys', perKey: true })
      const lasting = new AbortController().signal
      const fixed = ['{lineclear:keys|0}:e', '{lineclear:keys|0}:m']
      const idle = async (): Promise<number> => {
        await until('the keys are gone', async () => String(await keys()) === String(fixed))
        return heap()
      }

      await groups(limiter, GROUPS / 4, lasting)
      const before = await idle()
      await groups(limiter, GROUPS, lasting)
      const growth = (await idle()) - before
      expect(growth / GROUPS).toBeLessThan(100)
      expect(getEventListeners(lasting, 'abort')).toEqual([])
      expect(await server.ask('HLEN', '{lineclear:keys|0}:m')).toBe(9)
      await limiter.close()
    })

    test('of waves of waiters, most of whom leave', { timeout: 60_000 }, async () => {
      const name = 'waves'
      const limiter = redisLimiter(client, { ...options, name, queue: Infinity })
      const fixed = ['{lineclear:waves}:e', '{lineclear:waves}:m', '{lineclear:waves}:s:']
      const idle = async (): Promise<number> => {
        await until('the queue is gone', async () => String(await keys()) === String(fixed))
        return heap()
      }

      await waves(limiter, WAVES)
      const before = await idle()
      await waves(limiter, WAVES)
      const growth = (await idle()) - before
      expect(growth / (WAVES * WAVE)).toBeLessThan(50)
      // The limit, and one record of what this instance holds.
      expect(await server.ask('HLEN', '{lineclear:waves}:s:')).toBe(8)
      await limiter.close()
    })
  })
})

/** For a key of its own each: one goes in, and of three who wait one is late, one gives up, one goes in. */
async function groups(limiter: RedisLimiter, count: number, lasting: AbortSignal): Promise<void> {
  let left = count
  const oneByOne = async (): Promise<void> => {
    while (left-- > 0) {
      const key = Math.random().toString(36)
      const holder = await limiter.acquire({ key, signal: lasting })
      const controller = new AbortController()
      const gaveUp = outcome(limiter.acquire({ key, signal: controller.signal }))
      const late = outcome(limiter.acquire({ key, timeout: 1 }))
      const goesIn = limiter.acquire({ key, signal: lasting, timeout: 60_000 })
      setImmediate(() => controller.abort('gave up'))
      if ((await gaveUp) !== 'gave up') throw new Error('it went in')
      if ((await late) !== 'timeout') throw new Error('it went in')
      holder.release()
      ;(await goesIn).release()
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, oneByOne))
}

async function waves(limiter: RedisLimiter, count: number): Promise<void> {
  for (let wave = 0; wave < count; wave++) {
    const holder = await limiter.acquire()
    const controller = new AbortController()
    const { signal } = controller
    const all = Array.from({ length: WAVE }, (_, place) => {
      if (place % 10 === 0) return limiter.acquire().then((permit) => permit.release())
      return outcome(limiter.acquire(place % 2 === 0 ? { signal } : { timeout: 1 + (place % 20) }))
    })
    setTimeout(() => controller.abort('gave up'), place(wave))
    await Promise.all(all.filter((_, place) => place % 10 !== 0))
    holder.release()
    await Promise.all(all)
  }
}

/** Before, while and after the server hears of them. */
function place(wave: number): number {
  return wave % 3 === 0 ? 0 : 2 * wave
}

/** Why an acquire came to nothing. */
async function outcome(acquire: Promise<RedisPermit>): Promise<unknown> {
  try {
    ;(await acquire).release()
    return 'went in'
  } catch (error) {
    return (error as { reason?: string }).reason ?? error
  }
}

/** Bytes in use, without the garbage. */
async function heap(): Promise<number> {
  // It collects.
  await new Traces().remains().catch(() => {})
  const traces = new Traces()
  traces.note('nothing', {})
  await traces.remains()
  return process.memoryUsage().heapUsed
}
