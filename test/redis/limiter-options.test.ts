import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type RedisClient, type RedisLimiter, type RedisLimiterOptions, redisLimiter } from '@lineclear/redis'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, test } from 'vitest'
import { describeWithRedis } from './available.ts'
import { Crew, LEASE, type Request, ripe } from './crew.ts'
import { Server } from './servers.ts'
import { until } from './until.ts'

describe('redisLimiter', () => {
  // Nothing is asked before the first request, so that it never connects.
  const client = new Redis({ lazyConnect: true })

  afterAll(() => client.disconnect())

  const good = { name: 'a', limit: 1 }

  test.each<[object, string]>([
    [{ name: 5 }, 'name must be a string; received 5'],
    [{ name: undefined }, 'name must be a string; received undefined'],
    [{ name: '' }, 'name must be text without spaces and any of {}|; received ""'],
    [{ name: 'a{b}' }, 'name must be text without spaces and any of {}|; received "a{b}"'],
    [{ name: 'a b' }, 'name must be text without spaces and any of {}|; received "a b"'],
    // Such as a limiter with `perKey` of the name before the bar has for itself.
    [{ name: 'a|0' }, 'name must be text without spaces and any of {}|; received "a|0"'],
    [{ namespace: 'a:b' }, 'namespace must be text without spaces and any of {}:; received "a:b"'],
    [{ namespace: '}' }, 'namespace must be text without spaces and any of {}:; received "}"'],
    [{ namespace: null }, 'namespace must be a string; received null'],
    [{ limit: undefined }, 'limit must be a number; received undefined'],
    [{ limit: -1 }, 'limit must be a whole number of at least 0; received -1'],
    [{ limit: Infinity }, 'limit must be a whole number of at least 0; received Infinity'],
    [{ limit: '5' }, 'limit must be a number; received "5"'],
    [{ queue: 1.5 }, 'queue must be a whole number of at least 0; received 1.5'],
    [{ queue: null }, 'queue must be a number; received null'],
    [{ timeout: -1 }, 'timeout must be 0 ms or more; received -1'],
    [{ timeout: '5' }, 'timeout must be a number of ms; received "5"'],
    [{ perKey: 1 }, 'perKey must be true or false; received 1'],
    [{ lease: 499 }, 'lease must be a number from 500 to 86400000; received 499'],
    [{ lease: Number.NaN }, 'lease must be a number from 500 to 86400000; received NaN'],
    [{ lease: Infinity }, 'lease must be a number from 500 to 86400000; received Infinity'],
    [{ lease: '10s' }, 'lease must be a number; received "10s"'],
    [{ answerWithin: 0 }, 'answerWithin must be a number from 1 to 5000; received 0'],
    [{ lease: 600, answerWithin: 301 }, 'answerWithin must be a number from 1 to 300; received 301'],
    [{ mode: 'fast' }, 'mode must be "strict" or "local-first"; received "fast"'],
    [{ degraded: 'no' }, 'degraded must be "local", "closed" or "open"; received "no"'],
    [{ localLimit: -1 }, 'localLimit must be a whole number of at least 0; received -1'],
    [{ onLost: 'x' }, 'onLost must be a function; received "x"'],
    [{ onDegraded: {} }, 'onDegraded must be a function; received an object'],
    [{ onRecovered: 1 }, 'onRecovered must be a function; received 1'],
    [{ onDisagreement: null }, 'onDisagreement must be a function; received null'],
    [{ permits: 5 }, 'options has no option "permits"; it knows name, limit, queue, timeout, perKey, lease,'],
  ])('refuses %j', (options, message) => {
    const make = () => redisLimiter(client, { ...good, ...options } as RedisLimiterOptions)
    expect(make).toThrow(message)
    expect(make).toThrow(/received|no option/)
  })

  test('refuses what is no client, and no options', () => {
    for (const none of [undefined, null, {}, 'redis://', () => {}])
      expect(() => redisLimiter(none as unknown as RedisClient, good)).toThrow(/^client must be a client of/)
    for (const none of [undefined, null, 'a'])
      expect(() => redisLimiter(client, none as unknown as RedisLimiterOptions)).toThrow(
        /^options must be an object; received/,
      )
  })

  test('has defaults, also where an option is undefined', async () => {
    const limiter = redisLimiter(client, { ...good, queue: undefined, timeout: undefined, lease: undefined })
    expect([limiter.limit, limiter.timeout, limiter.full, limiter.isDegraded]).toEqual([
      1,
      undefined,
      false,
      false,
    ])
    expect([limiter.inUse, limiter.waiting, limiter.name]).toEqual([0, 0, 'a'])
    redisLimiter(client, { name: 'a', limit: Number.MAX_SAFE_INTEGER, timeout: Infinity, queue: Infinity })
    await limiter.close()
    expect(client.status).toBe('wait')
  })
})

describeWithRedis('A redisLimiter', () => {
  test('that is closed leaves no connection behind', async () => {
    const server = await Server.start()
    const client = new Redis(server.port)
    const limiter = redisLimiter(client, { name: 'a', limit: 1, lease: 500 })
    const permit = await limiter.acquire()
    await until('it listens', async () => (await server.clients('pubsub')).length === 1)
    permit.release()
    await limiter.close()
    await until('it listens no more', async () => (await server.clients('pubsub')).length === 0)
    client.disconnect()
    await server.close()
  })

  test('that hears nothing asks every 50 ms or so while somebody waits', async () => {
    const server = await Server.start({ acl: ['user default on nopass ~* &* +@all -subscribe'] })
    await ripe(LEASE, server)
    const crew = new Crew({ limit: 1 })
    const clients = [new Redis(server.port), new Redis(server.port)]
    const limiters = clients.map((client) => crew.join({ client, end: () => {} }))
    const requests: Request[] = []
    for (let index = 0; index < 12; index++) {
      requests.push(crew.ask(limiters[index % 2] as RedisLimiter))
      if (index === 0) await requests[0]?.settled
      else await crew.waiting(index)
    }
    const start = performance.now()
    for (const request of requests) {
      await request.settled
      request.release()
    }
    // By heartbeats alone it would take several times as long.
    expect(performance.now() - start).toBeLessThan(3000)
    await crew.end()
    for (const client of clients) client.disconnect()
    await server.close()
  })
})

describeWithRedis('A process that uses a redisLimiter', () => {
  test.each([
    ['and closes it', 'await limiter.close()'],
    ['and only ends the client', ''],
    ['and dies with a permit', 'await limiter.acquire()'],
  ])('%s ends by itself', async (_, last) => {
    const server = await Server.start()
    const source = `
      import { redisLimiter } from '@lineclear/redis'
      import { Redis } from 'ioredis'
      const client = new Redis(${server.port})
      const limiter = redisLimiter(client, { name: 'a', limit: 2, lease: 500 })
      const permit = await limiter.acquire()
      permit.release()
      ${last}
      console.log(limiter.inUse)
      client.disconnect()`
    const args = ['--import', 'tsx', '--input-type=module', '--eval', source]
    const cwd = fileURLToPath(new URL('../..', import.meta.url))
    const child = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'inherit'] })
    const guard = setTimeout(() => child.kill('SIGKILL'), 15_000)
    let printed = ''
    child.stdout.on('data', (data) => {
      printed += data
    })
    const [code] = await once(child, 'close')
    clearTimeout(guard)
    expect([code, printed]).toEqual([0, last.includes('acquire') ? '1\n' : '0\n'])
    await server.close()
  })
})
