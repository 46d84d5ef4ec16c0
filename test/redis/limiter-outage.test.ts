import { RejectedError } from '@lineclear/core'
import type { RedisLimiter, RedisLimiterOptions } from '@lineclear/redis'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { outcomes } from '../core/helpers.ts'
import { describeWithRedis } from './available.ts'
import { type ClientKind, clientKinds, type UsersClient } from './clients.ts'
import { Crew, type Request, ripe } from './crew.ts'
import { freePort } from './ports.ts'
import { TcpProxy } from './proxy.ts'
import { Server } from './servers.ts'
import { expectNoUnhandledError } from './suite.ts'
import { until } from './until.ts'

expectNoUnhandledError()

const LEASE = 1000
/** In ms. Long enough for a busy machine to be in time while all is well. */
const ANSWER_WITHIN = 400
/** In ms. What an answer may take on a busy machine, beyond that. */
const SLACK = 3000

const [ioredis, , iovalkey, nodeRedis] = clientKinds as [ClientKind, ClientKind, ClientKind, ClientKind]

/** A server, and two processes that share a limit on it. */
class Stage {
  readonly server: Server
  readonly proxy: TcpProxy
  readonly crew: Crew
  readonly degraded = vi.fn()
  readonly recovered = vi.fn()
  readonly #clients: UsersClient[] = []
  readonly #isOwn: boolean

  /** On a server of its own, unless one is given. */
  static async open(options: Partial<RedisLimiterOptions> = {}, given?: Server): Promise<Stage> {
    const server = given ?? (await Server.start({ appendOnly: true }))
    const proxy = await TcpProxy.start(server.port)
    return new Stage(server, proxy, options, given === undefined)
  }

  private constructor(
    server: Server,
    proxy: TcpProxy,
    options: Partial<RedisLimiterOptions>,
    isOwn: boolean,
  ) {
    this.server = server
    this.#isOwn = isOwn
    this.proxy = proxy
    const events = { onDegraded: this.degraded, onRecovered: this.recovered }
    this.crew = new Crew({ lease: LEASE, answerWithin: ANSWER_WITHIN, ...events, ...options })
  }

  async join(kind: ClientKind = ioredis, port: number = this.proxy.port): Promise<RedisLimiter> {
    const client = await kind.standalone(port)
    this.#clients.push(client)
    return this.crew.join(client)
  }

  /** Permits of a weight of 1. */
  async hold(limiter: RedisLimiter, count: number): Promise<Request[]> {
    const requests = Array.from({ length: count }, () => this.crew.ask(limiter))
    for (const { settled } of requests) expect(await settled).toBe('permit')
    return requests
  }

  async down(...limiters: RedisLimiter[]): Promise<void> {
    await until('Redis is taken to be down', () => limiters.every(({ isDegraded }) => isDegraded))
  }

  async up(...limiters: RedisLimiter[]): Promise<void> {
    await until('Redis is back', () => limiters.every(({ isDegraded }) => !isDegraded))
  }

  async close(): Promise<void> {
    await this.crew.end()
    for (const client of this.#clients) await client.end()
    await this.proxy.close()
    if (this.#isOwn) await this.server.close()
  }
}

interface Outage {
  begin(stage: Stage): unknown
  end(stage: Stage): unknown
  client: ClientKind
}

const outages: Record<string, Outage> = {
  hung: { begin: ({ server }) => server.pause(), end: ({ server }) => server.resume(), client: ioredis },
  gone: { begin: ({ server }) => server.kill(), end: ({ server }) => server.restart(), client: nodeRedis },
  slow: { begin: ({ proxy }) => proxy.delay(700), end: ({ proxy }) => proxy.resume(), client: iovalkey },
}

/** Two processes that hold 2 and 3 of 5 permits, and one waits in each, when Redis fails. */
async function overtaken(
  { begin, client }: Outage,
  options: Partial<RedisLimiterOptions>,
): Promise<{ stage: Stage; here: RedisLimiter; there: RedisLimiter; held: Request[]; waiters: Request[] }> {
  const stage = await Stage.open({ limit: 5, ...options })
  const [here, there] = [await stage.join(client), await stage.join(client)]
  const held = [...(await stage.hold(there, 3)), ...(await stage.hold(here, 2))]
  const waiters = [stage.crew.ask(here), stage.crew.ask(there)]
  await stage.crew.waiting(2)
  await begin(stage)
  await stage.down(here, there)
  return { stage, here, there, held, waiters }
}

/** Redis is back: it knows what is in use, and nothing is lost or doubled. */
async function backInOrder(stage: Stage, outage: Outage, requests: Request[]): Promise<void> {
  const [here, there] = stage.crew.limiters as [RedisLimiter, RedisLimiter]
  await outage.end(stage)
  await stage.up(here, there)
  expect([stage.degraded, stage.recovered].map(({ mock }) => mock.calls.length)).toEqual([2, 2])
  await stage.crew.used(here.inUse + there.inUse)
  for (const request of requests) if (request.outcome === 'permit') request.release()
  await stage.crew.used(0)
  const again = [...(await stage.hold(here, 3)), ...(await stage.hold(there, 2))]
  expect(await stage.crew.ask(here, { timeout: 0 }).settled).toBe('timeout')
  await stage.crew.used(5)
  expect((await here.stats()).instances.map(({ inUse }) => inUse).sort()).toEqual([2, 3])
  for (const request of again) request.release()
  await stage.close()
}

describeWithRedis('While Redis does not answer', () => {
  describe.concurrent.each(Object.entries(outages))('since it is %s', (_, outage) => {
    test('each process hands out its share, as permits come back', async () => {
      const { stage, here, there, held, waiters } = await overtaken(outage, {})
      expect(outcomes(waiters)).toEqual(['pending', 'pending'])
      const start = performance.now()
      expect(await stage.crew.ask(here, { timeout: 0 }).settled).toBe('timeout')
      expect(performance.now() - start).toBeLessThan(SLACK)
      // 5 by 2, rounded down: of 3 and of 2 in use one more fits when 1 is left.
      held[0]?.release()
      held[3]?.release()
      expect(await waiters[0]?.settled).toBe('permit')
      expect([here.inUse, there.inUse, waiters[1]?.outcome]).toEqual([2, 2, 'pending'])
      held[1]?.release()
      expect(await waiters[1]?.settled).toBe('permit')
      const { fence, signal } = (await waiters[1]?.permit) ?? {}
      expect([fence, signal?.aborted]).toEqual([undefined, false])
      held[2]?.release()
      const now = there.tryAcquire()
      expect(now).toBeDefined()
      expect([here.tryAcquire(), there.tryAcquire(), there.inUse]).toEqual([undefined, undefined, 2])
      now?.release()
      await backInOrder(stage, outage, [...held, ...waiters])
    })

    test('all are rejected, if told so', async () => {
      const { stage, here, held, waiters } = await overtaken(outage, { degraded: 'closed' })
      const start = performance.now()
      const late = stage.crew.ask(here)
      for (const { permit } of [...waiters, late]) {
        const error = await permit.catch((error: unknown) => error)
        expect(error).toBeInstanceOf(RejectedError)
        expect(error).toMatchObject({ reason: 'closed', cause: expect.any(Error) })
      }
      expect(performance.now() - start).toBeLessThan(SLACK)
      expect([here.tryAcquire(), here.full, here.waiting, here.inUse]).toEqual([undefined, true, 0, 2])
      expect(stage.degraded.mock.calls[0]).toEqual([{ error: expect.any(Error) }])
      await backInOrder(stage, outage, held)
      expect(here.full).toBe(true)
    })

    test('all are let in, if told so', async () => {
      const { stage, here, there, held, waiters } = await overtaken(outage, { degraded: 'open' })
      const more = await stage.hold(here, 10)
      for (const waiter of waiters) expect(await waiter.settled).toBe('permit')
      expect([here.inUse, there.inUse]).toEqual([13, 4])
      await backInOrder(stage, outage, [...held, ...waiters, ...more])
    })
  })

  describe('an acquire', () => {
    let server: Server
    let stage: Stage

    beforeAll(async () => {
      server = await Server.start()
      await ripe(LEASE, server)
    })

    afterEach(() => stage.close())

    afterAll(() => server.close())

    /** A process that knows of no other, and holds one of 4 permits. */
    const alone = async (options: Partial<RedisLimiterOptions> = {}): Promise<[RedisLimiter, Request]> => {
      stage = await Stage.open({ limit: 4, ...options }, server)
      const limiter = await stage.join()
      const [held] = await stage.hold(limiter, 1)
      return [limiter, held as Request]
    }

    test('that finds Redis hung is answered within the time set for that, and so the next time', async () => {
      const [limiter] = await alone()
      for (const outages of [1, 2]) {
        stage.server.pause()
        const start = performance.now()
        expect(await stage.crew.ask(limiter).settled).toBe('permit')
        expect(performance.now() - start).toBeLessThan(ANSWER_WITHIN + SLACK)
        stage.server.resume()
        await stage.up(limiter)
        await stage.crew.used(1 + outages)
        expect([stage.degraded, stage.recovered].map(({ mock }) => mock.calls.length)).toEqual([
          outages,
          outages,
        ])
      }
    })

    test('keeps to localLimit, and to the queue, its weight, time-out and signal', async () => {
      const [limiter, held] = await alone({ localLimit: 3, queue: 2, limit: 9 })
      stage.server.pause()
      const first = stage.crew.ask(limiter, { weight: 2 })
      expect(await first.settled).toBe('permit')
      await stage.down(limiter)
      const controller = new AbortController()
      const [heavy, light] = [
        stage.crew.ask(limiter, { weight: 2, signal: controller.signal }),
        stage.crew.ask(limiter, { weight: 1 }),
      ]
      expect(await stage.crew.ask(limiter).settled).toBe('full')
      held.release()
      await Promise.resolve()
      // The head does not fit, and holds back the other.
      expect(outcomes([heavy, light] as Request[])).toEqual(['pending', 'pending'])
      expect(limiter.tryAcquire()).toBeUndefined()
      controller.abort('left')
      expect(await heavy?.settled).toBe('left')
      expect(await light?.settled).toBe('permit')
      expect(await stage.crew.ask(limiter, { timeout: 10 }).settled).toBe('timeout')
      expect([limiter.inUse, limiter.waiting]).toEqual([3, 0])
      stage.server.resume()
    })

    test('is let in by a limit raised meanwhile, and by many of no weight', async () => {
      const [limiter] = await alone({ limit: 1, queue: Infinity })
      stage.server.pause()
      const waiter = stage.crew.ask(limiter)
      const nothings = Array.from({ length: 20_000 }, () => stage.crew.ask(limiter, { weight: 0 }))
      await stage.down(limiter)
      expect(waiter.outcome).toBe('pending')
      limiter.resize(3)
      expect(await waiter.settled).toBe('permit')
      for (const { settled } of nothings) expect(await settled).toBe('permit')
      expect([limiter.inUse, limiter.waiting, limiter.limit]).toEqual([2, 0, 3])
      stage.server.resume()
      await stage.up(limiter)
      await stage.crew.used(2)
      expect((await limiter.stats()).limit).toBe(3)
    })

    test('is given a permit that can be lost when Redis is back, and not before', async () => {
      const lost = vi.fn()
      const [limiter] = await alone({ onLost: lost })
      stage.proxy.hold()
      const request = stage.crew.ask(limiter)
      expect(await request.settled).toBe('permit')
      const { signal } = await request.permit
      await until('the lease is lost', () => lost.mock.calls.length === 1)
      expect([lost.mock.calls[0], signal.aborted]).toEqual([[{ permits: 1 }], false])
      stage.proxy.resume()
      await stage.up(limiter)
      await stage.crew.used(2)
      stage.proxy.hold()
      await until('it is lost again', () => lost.mock.calls.length === 2)
      expect([lost.mock.calls[1], signal.aborted]).toEqual([[{ permits: 1 }], true])
      stage.proxy.resume()
    })

    test('is served although all callbacks throw', async () => {
      const complain = vi.spyOn(console, 'error').mockImplementation(() => {})
      const failing = (): never => {
        throw new Error('a callback failed')
      }
      const [limiter] = await alone({ onDegraded: failing, onRecovered: failing, onLost: failing })
      stage.proxy.hold()
      expect(await stage.crew.ask(limiter).settled).toBe('permit')
      await until('the lease is lost', () => complain.mock.calls.length === 2)
      stage.proxy.resume()
      await stage.up(limiter)
      await stage.crew.used(2)
      const complaints = complain.mock.calls.map(([text]) => text)
      complain.mockRestore()
      expect(complaints).toEqual(
        ['onDegraded', 'onLost', 'onRecovered'].map((name) => `lineclear: ${name} failed:`),
      )
    })

    test('of a server that is always too late is decided here all the time', async () => {
      const [limiter] = await alone()
      // Too late, but before it is asked again.
      stage.proxy.delay(0.56 * ANSWER_WITHIN)
      await stage.down(limiter)
      const count = async (): Promise<number> => {
        return Number(
          /calls=(\d+)/.exec((await stage.server.info('commandstats')).cmdstat_evalsha ?? '')?.[1],
        )
      }
      const before = await count()
      await until('it was asked some more times', async () => (await count()) > before + 4)
      expect([stage.degraded, stage.recovered].map(({ mock }) => mock.calls.length)).toEqual([1, 0])
      stage.proxy.resume()
      await stage.up(limiter)
    })

    test('is no more when it is closed, which ends with the last permit', async () => {
      const [limiter, held] = await alone()
      stage.server.pause()
      await stage.down(limiter)
      let over = false
      const closed = limiter.close().then(() => {
        over = true
      })
      await new Promise((resolve) => setTimeout(resolve, 2 * ANSWER_WITHIN))
      expect(over).toBe(false)
      held.release()
      await closed
      stage.server.resume()
    })

    test('is no more when it is closed as Redis falls silent', async () => {
      const [limiter, held] = await alone()
      held.release()
      stage.server.pause()
      await limiter.close()
      expect(limiter.inUse).toBe(0)
      stage.server.resume()
    })
  })
})

describe('Where there has never been a Redis', () => {
  const strangers: [string, (port: number) => Promise<UsersClient>][] = [
    [
      'ioredis',
      async (port) => {
        const client = new Redis({ port, retryStrategy: () => 50 })
        client.on('error', () => {})
        return { client, end: () => client.disconnect() }
      },
    ],
    [
      'node-redis',
      async (port) => {
        const client = createClient({ socket: { port, reconnectStrategy: 50 } })
        client.on('error', () => {})
        void client.connect().catch(() => {})
        return { client, end: () => client.destroy() }
      },
    ],
    [
      'node-redis, not even told to connect',
      async (port) => ({ client: createClient({ socket: { port } }), end: () => {} }),
    ],
  ]

  test.concurrent.each(strangers)('degraded mode begins as soon, with %s', async (_, connect) => {
    const client = await connect(await freePort())
    const options = { lease: LEASE, answerWithin: ANSWER_WITHIN, limit: 2 }
    for (const [degraded, answers] of [
      ['local', ['permit', 'permit', 'timeout']],
      ['closed', ['closed', 'closed', 'closed']],
      ['open', ['permit', 'permit', 'permit']],
    ] as const) {
      const crew = new Crew({ ...options, degraded })
      const limiter = crew.join(client)
      const start = performance.now()
      const asked = [{}, {}, { timeout: 0 }].map((request) => crew.ask(limiter, request))
      const settled: unknown[] = []
      for (const request of asked) settled.push(await request.settled)
      expect(settled).toEqual(answers)
      expect(performance.now() - start).toBeLessThan(ANSWER_WITHIN + SLACK)
      await crew.end()
    }
    await client.end()
  })
})
