import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { limit } from '@lineclear/express'
import { limit as fetchLimit } from '@lineclear/fetch'
import type { RedisLimiter } from '@lineclear/redis'
import express from 'express'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { describeWithRedis } from './available.ts'
import { type ClientKind, clientKinds } from './clients.ts'
import { Crew, LEASE, ripe } from './crew.ts'
import { Server } from './servers.ts'
import { expectNoUnhandledError, twoClients } from './suite.ts'

expectNoUnhandledError()

const [ioredis] = clientKinds as [ClientKind]

describeWithRedis('A redisLimiter under an adapter', () => {
  let server: Server
  let crew: Crew
  let ends: (() => unknown)[] = []

  beforeAll(async () => {
    server = await Server.start()
    await ripe(LEASE, server)
  })

  afterAll(() => server.close())

  const clients = twoClients(() => ioredis.standalone(server.port))

  /** Two processes. */
  const make = (options: ConstructorParameters<typeof Crew>[0] = {}): [RedisLimiter, RedisLimiter] => {
    crew = new Crew(options)
    const [first, second] = clients()
    return [crew.join(first), crew.join(second)]
  }

  afterEach(async () => {
    for (const end of ends) await end()
    ends = []
    await crew.end()
  })

  /** An app whose responses wait until they are let go; it answers with what is in use. */
  const serve = async (middleware: ReturnType<typeof limit>) => {
    const held: (() => void)[] = []
    const app = express()
    app.use(middleware)
    app.get('/', (_request, response) => {
      held.push(() => response.headersSent || response.send('hello'))
      came()
    })
    let came = (): void => {}
    const site = createServer(app).listen(0)
    await once(site, 'listening')
    ends.push(async () => {
      for (const respond of held) respond()
      site.close()
      site.closeAllConnections()
    })
    return {
      url: `http://127.0.0.1:${(site.address() as AddressInfo).port}/`,
      held,
      entered: (count: number) =>
        new Promise<void>((resolve) => {
          came = () => held.length >= count && resolve()
          came()
        }),
    }
  }

  test('in Express, lets a request wait for another process', async () => {
    const [here, there] = make({ limit: 1 })
    const site = await serve(limit({ limiter: here }))
    const other = await there.acquire()
    const response = fetch(site.url)
    await crew.waiting(1)
    expect(site.held.length).toBe(0)
    other.release()
    await site.entered(1)
    expect(here.inUse).toBe(1)
    site.held[0]?.()
    expect(await (await response).text()).toBe('hello')
    await crew.used(0)
  })

  test('in Express, refuses when the queue is full, with 503 and Retry-After', async () => {
    const [here, there] = make({ limit: 1, queue: 0 })
    const limited = limit({ limiter: here })
    const site = await serve(limited)
    const other = await there.acquire()
    const refused = await fetch(site.url)
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(refused.headers.get('ratelimit-policy')).toBe('"concurrency";q=1;qu="concurrent-requests"')
    expect(await refused.json()).toMatchObject({ reason: 'full' })
    expect((await limited.limiter.stats()).inUse).toBe(1)
    other.release()
  })

  test('in Express, leaves the queue when the client leaves', async () => {
    const [here, there] = make({ limit: 1 })
    const site = await serve(limit({ limiter: here }))
    const other = await there.acquire()
    const controller = new AbortController()
    const response = fetch(site.url, { signal: controller.signal }).catch((error: Error) => error.name)
    await crew.waiting(1)
    controller.abort()
    expect(await response).toBe('AbortError')
    await crew.waiting(0)
    other.release()
    await crew.used(0)
    expect(site.held.length).toBe(0)
  })

  test('in Express, waits for as long as queueTimeout, the limiter, or else the default say', async () => {
    const [here, there] = make({ limit: 1 })
    const other = await there.acquire()
    const timed = crew.join(clients()[0], { timeout: 30 })
    for (const middleware of [limit({ limiter: here, queueTimeout: 30 }), limit({ limiter: timed })]) {
      const refused = await fetch((await serve(middleware)).url)
      expect([refused.status, (await refused.json()).reason]).toEqual([503, 'timeout'])
    }
    await crew.waiting(0)
    const acquire = vi.spyOn(here, 'acquire')
    const site = await serve(limit({ limiter: here }))
    const response = fetch(site.url)
    await crew.waiting(1)
    expect(acquire.mock.calls[0]?.[0]).toMatchObject({ timeout: 5000 })
    other.release()
    await site.entered(1)
    site.held[0]?.()
    await response
  })

  test('in Express, counts in a dry run what would be refused', async () => {
    const [here, there] = make({ limit: 1, queue: 0 })
    const told = vi.fn()
    const site = await serve(limit({ limiter: here, dryRun: told }))
    const other = await there.acquire()
    const response = fetch(site.url)
    await site.entered(1)
    await vi.waitFor(() => expect(told).toHaveBeenCalledOnce())
    expect(told.mock.calls[0]?.[0]).toMatchObject({ reason: 'full', status: 503 })
    site.held[0]?.()
    expect((await response).status).toBe(200)
    other.release()
    const admitted = fetch(site.url)
    await site.entered(2)
    await crew.used(1)
    site.held[1]?.()
    expect((await admitted).status).toBe(200)
    await crew.used(0)
    expect(told).toHaveBeenCalledOnce()
  })

  test('in Express, with a key refuses with 429, each key for itself', async () => {
    const [here, there] = make({ limit: 2, queue: 0, perKey: true })
    const site = await serve(
      limit({
        limiter: here,
        key: (request) => request.get('x-key'),
        // More than there is goes in alone.
        weight: (request) => Number(request.get('x-weight') ?? 1),
      }),
    )
    const others = await there.acquire({ key: 'a', weight: 2 })
    const refused = await fetch(site.url, { headers: { 'x-key': 'a' } })
    expect([refused.status, (await refused.json()).reason]).toEqual([429, 'full'])
    const response = fetch(site.url, { headers: { 'x-key': 'b', 'x-weight': '7' } })
    await site.entered(1)
    expect((await here.stats('b')).inUse).toBe(2)
    site.held[0]?.()
    expect((await response).status).toBe(200)
    others.release()
  })

  test('in Express, is refused at once while Redis is down, if told so', async () => {
    const down = await Server.start()
    const client = await ioredis.standalone(down.port)
    crew = new Crew({ lease: 600, answerWithin: 300, degraded: 'closed' })
    const limiter = crew.join(client)
    await down.kill()
    const site = await serve(limit({ limiter }))
    for (let i = 0; i < 2; i++) {
      const refused = await fetch(site.url)
      expect([refused.status, (await refused.json()).reason]).toEqual([503, 'closed'])
    }
    expect(limiter.full).toBe(true)
    ends.push(async () => {
      await limiter.close()
      await client.end()
      await down.close()
    })
  })

  test('in fetch, lets a request wait, refuses it, or lets it go', async () => {
    const [here, there] = make({ limit: 1, queue: 1 })
    const limited = fetchLimit({ limiter: here })
    const handler = limited(() => new Response('hello'))
    const other = await there.acquire()
    const controller = new AbortController()
    const leaver = handler(new Request('http://a/', { signal: controller.signal }))
    await crew.waiting(1)
    const refused = await handler(new Request('http://a/'))
    expect([refused.status, refused.headers.has('retry-after')]).toEqual([503, true])
    controller.abort()
    await leaver.catch(() => {})
    await crew.waiting(0)
    const waiter = handler(new Request('http://a/'))
    await crew.waiting(1)
    other.release()
    expect(await (await waiter).text()).toBe('hello')
    await crew.used(0)
    expect((await limited.limiter.stats()).waiting).toBe(0)
  })
})
