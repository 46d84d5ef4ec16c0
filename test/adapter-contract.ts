import { AsyncLocalStorage } from 'node:async_hooks'
import type { Server } from 'node:http'
import { Readable } from 'node:stream'
import {
  adaptive,
  adaptiveLifo,
  all,
  BoundedSemaphore,
  byPriority,
  codel,
  fair,
  fifo,
  type Keyed,
  keyed,
  type Limiter,
  lifo,
  observed,
  type Permit,
  partitioned,
  probedLittle,
} from '@lineclear/core'
import type { Rejection } from '@lineclear/http'
import supertest from 'supertest'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Adapter, App, Exchange, Reply, Translation } from './http/adapters/adapter.ts'
import { Gate, listening, RawClient, turnOfTheLoop, until } from './http/helpers.ts'

/** What every adapter does, on real sockets. */
export function adapterContract(adapter: Adapter): void {
  const servers: Server[] = []
  const clients: RawClient[] = []

  afterEach(async () => {
    vi.restoreAllMocks()
    for (const client of clients.splice(0)) client.socket.destroy()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  async function start(app: App): Promise<{ server: Server; connect: () => RawClient }> {
    const server = await adapter.create(app)
    const port = await listening(server)
    servers.push(server)
    const connect = (): RawClient => {
      const client = new RawClient(port)
      clients.push(client)
      return client
    }
    return { server, connect }
  }

  /** One limit made of `options`, and a handler that answers when told to. */
  async function startStepwise(options: object | ((of: Translation) => object) = { permits: 2 }) {
    const entered: string[] = []
    const gates = new Map<string, Gate<Reply>>()
    const gate = (path: string): Gate<Reply> => {
      const known = gates.get(path) ?? new Gate<Reply>()
      gates.set(path, known)
      return known
    }
    let limiter!: Limiter
    const started = await start({
      limits: (limit, of) => {
        const middleware = limit(typeof options === 'function' ? options(of) : options)
        limiter = middleware.limiter
        return [middleware]
      },
      handle: ({ url }) => {
        entered.push(url)
        return gate(url).opened
      },
    })
    const answer = (path: string, reply: Reply = { body: path }): void => gate(path).open(reply)
    return { ...started, entered, gate, answer, limiter: limiter as BoundedSemaphore }
  }

  /** One request inside a limit of one; once `act` is done, its permit comes back. */
  async function expectRelease(
    handle: App['handle'],
    act: (client: RawClient, exchange: Exchange, server: Server) => unknown,
    request: Parameters<RawClient['send']>[1] = {},
  ): Promise<void> {
    const limiter = new BoundedSemaphore(1)
    const inside = new Gate<Exchange>()
    const { connect, server } = await start({
      limits: (limit) => [limit({ limiter })],
      handle: (exchange) => {
        inside.open(exchange)
        return handle(exchange)
      },
    })
    const client = connect().send('/', request)
    await act(client, await inside.opened, server)
    await limiter.drain()
    expect(limiter.value).toBe(1)
  }

  describe('letting in', () => {
    it('lets as many requests in as there are permits, and the next one when a response is over', async () => {
      const { connect, entered, answer, limiter } = await startStepwise({ permits: 2 })
      const [one, two, three] = [connect().send('/1'), connect(), connect()]
      await until(() => entered.length === 1)
      two.send('/2')
      await until(() => entered.length === 2)
      three.send('/3')
      await until(() => limiter.waiting === 1)
      expect(entered).toEqual(['/1', '/2'])
      expect(limiter.inUse).toBe(2)
      answer('/1')
      await until(() => entered.length === 3)
      expect(entered).toEqual(['/1', '/2', '/3'])
      answer('/2')
      answer('/3')
      await Promise.all([one.receives('/1'), two.receives('/2'), three.receives('/3')])
      await limiter.drain()
    })

    it('serves those who wait in the order they came', async () => {
      const { connect, entered, answer, limiter } = await startStepwise({ permits: 1 })
      const paths = ['/a', '/b', '/c', '/d', '/e']
      for (const path of paths) {
        connect().send(path)
        await until(() => limiter.inUse + limiter.waiting === paths.indexOf(path) + 1)
      }
      for (const path of paths) {
        answer(path)
        await until(() => entered.length >= Math.min(paths.length, paths.indexOf(path) + 2))
      }
      await limiter.drain()
      expect(entered).toEqual(paths)
    })

    const onTheStack = it.runIf(adapter.callsOnTheStack)
    onTheStack('calls the handler on the same stack when a permit is free', async () => {
      let before = 0
      let microtasks = 0
      const count = (): void => {
        microtasks++
      }
      let seen: number | undefined
      const { server } = await start({
        before: () => {
          before++
        },
        limits: (limit) => [
          limit({
            permits: 1,
            skip: () => {
              queueMicrotask(count)
              return false
            },
          }),
        ],
        handle: () => {
          seen ??= microtasks
          return { body: 'ok' }
        },
      })
      await supertest(server).get('/').expect(200, 'ok')
      expect([before, seen]).toEqual([1, 0])
    })

    it('shows its limiter', async () => {
      const { limiter } = await startStepwise({ permits: 7 })
      expect(limiter).toBeInstanceOf(BoundedSemaphore)
      expect([limiter.limit, limiter.inUse, limiter.waiting]).toEqual([7, 0, 0])
    })

    it('shares one limiter between several limits', async () => {
      const limiter = new BoundedSemaphore(1)
      const handler = new Gate<Reply>()
      const one = await start({ limits: (limit) => [limit({ limiter })], handle: () => handler.opened })
      const other = await start({
        limits: (limit) => [limit({ limiter })],
        handle: () => ({ body: 'other' }),
      })
      one.connect().send('/')
      await until(() => limiter.inUse === 1)
      const client = other.connect().send('/')
      await until(() => limiter.waiting === 1)
      handler.open({ body: 'one' })
      await client.receives('other')
      await limiter.drain()
    })

    it('counts a request once that meets the same limiter twice', async () => {
      const limiter = new BoundedSemaphore(1)
      let inUse: number | undefined
      const { server } = await start({
        limits: (limit) => [limit({ limiter }), limit({ limiter })],
        handle: () => {
          inUse = limiter.inUse
          return { body: 'ok' }
        },
      })
      await supertest(server).get('/').expect(200)
      expect(inUse).toBe(1)
      await limiter.drain()
    })

    it('takes a permit of each limit in a row, and gives both back', async () => {
      const [outer, inner] = [new BoundedSemaphore(2), new BoundedSemaphore(1)]
      const held: number[] = []
      const { server } = await start({
        limits: (limit) => [limit({ limiter: outer }), limit({ limiter: inner })],
        handle: () => {
          held.push(outer.inUse, inner.inUse)
          return { body: 'ok' }
        },
      })
      await supertest(server).get('/').expect(200)
      await Promise.all([outer.drain(), inner.drain()])
      expect(held).toEqual([1, 1])
    })

    it('keeps the async context of each request that waited', async () => {
      const storage = new AsyncLocalStorage<string>()
      const seen: [string, string | undefined][] = []
      const first = new Gate<Reply>()
      const limiter = new BoundedSemaphore(1)
      const server = await adapter.create({
        limits: (limit) => [limit({ limiter })],
        handle: ({ url }) => {
          seen.push([url, storage.getStore()])
          return url === '/0' ? first.opened : { body: url }
        },
      })
      const [listener] = server.listeners('request') as ((...args: unknown[]) => void)[]
      server.removeAllListeners('request')
      server.on('request', (req, res) => storage.run(req.url as string, () => listener?.(req, res)))
      const port = await listening(server)
      servers.push(server)
      for (const path of ['/0', '/1', '/2', '/3']) {
        const client = new RawClient(port).send(path)
        clients.push(client)
        await until(() => limiter.inUse + limiter.waiting === clients.length)
      }
      first.open({ body: 'ok' })
      await limiter.drain()
      expect(seen).toEqual(['/0', '/1', '/2', '/3'].map((path) => [path, path]))
    })

    it('keeps the event loop turning while hundreds that waited are answered at once', async () => {
      const limiter = new BoundedSemaphore(1)
      const gate = new Gate<Reply>()
      let answered = 0
      const { server } = await start({
        limits: (limit) => [limit({ limiter, queueTimeout: Infinity })],
        handle: () => (answered++ === 0 ? gate.opened : { body: 'ok' }),
      })
      const port = (server.address() as { port: number }).port
      for (let i = 0; i < 300; i++) clients.push(new RawClient(port).send('/'))
      await until(() => limiter.waiting === 299)
      let most = 0
      let last = answered
      gate.open({ body: 'first' })
      while (limiter.inUse > 0) {
        await turnOfTheLoop()
        most = Math.max(most, answered - last)
        last = answered
      }
      expect(answered).toBe(300)
      expect(most).toBeLessThanOrEqual(64)
    })
  })

  describe('refusing', () => {
    it('answers 503 with problem details, Retry-After and the policy when the queue is full', async () => {
      const { server, connect, entered, answer, limiter } = await startStepwise({ permits: 1, queue: 0 })
      connect().send('/held')
      await until(() => entered.length === 1)
      const response = await supertest(server).get('/refused').expect(503)
      expect(response.headers['content-type']).toBe('application/problem+json')
      expect(response.headers['retry-after']).toMatch(/^[12]$/)
      expect(response.headers['ratelimit-policy']).toBe('"concurrency";q=1;qu="concurrent-requests"')
      expect(JSON.parse(textOf(response))).toEqual({
        type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
        title: 'Request cannot be satisfied due to temporary server capacity constraints',
        status: 503,
        detail: 'All permits are in use and the queue is full.',
        reason: 'full',
      })
      expect(entered).toEqual(['/held'])
      answer('/held')
      await limiter.drain()
      const again = supertest(server).get('/later').expect(200)
      answer('/later')
      await again
    })

    it('refuses a request that waited too long, and gives its place to another', async () => {
      const options = { permits: 1, queue: 1, queueTimeout: 20 }
      const { server, connect, answer, limiter } = await startStepwise(options)
      connect().send('/held')
      await until(() => limiter.inUse === 1)
      for (const path of ['/late', '/later']) {
        const response = await supertest(server).get(path).expect(503)
        expect(JSON.parse(textOf(response)).reason).toBe('timeout')
      }
      expect(limiter.waiting).toBe(0)
      answer('/held')
      await limiter.drain()
    })

    it('refuses a HEAD request without a body', async () => {
      const { server, connect, answer, limiter } = await startStepwise({ permits: 1, queue: 0 })
      connect().send('/held')
      await until(() => limiter.inUse === 1)
      const response = await supertest(server).head('/').expect(503)
      expect(response.headers['retry-after']).toBeDefined()
      answer('/held')
      await limiter.drain()
    })

    it('refuses everybody after close, tells those who wait, and drains', async () => {
      const { server, connect, answer, limiter } = await startStepwise({ permits: 1 })
      const inside = connect().send('/inside')
      await until(() => limiter.inUse === 1)
      const queued = connect().send('/queued')
      await until(() => limiter.waiting === 1)
      limiter.close()
      await queued.receives('"reason":"closed"')
      await supertest(server).get('/new').expect(503)
      const drained = limiter.drain()
      answer('/inside')
      await inside.receives('/inside')
      await drained
    })

    async function refused(options: object) {
      const limiter = new BoundedSemaphore(1, { queue: 0 })
      limiter.tryAcquire()
      const errors: unknown[] = []
      const { server } = await start({
        onError: (error) => errors.push(error),
        limits: (limit, of) => [
          limit({ limiter, ...(typeof options === 'function' ? options(of) : options) }),
        ],
        handle: () => ({ body: 'never' }),
      })
      const response = await supertest(server).get('/')
      return { response, text: textOf(response), errors }
    }

    it('uses the status, the Retry-After and the headers it was told to', async () => {
      const { response } = await refused({ statusCode: 429, retryAfter: 30, headers: false })
      expect(response.status).toBe(429)
      expect(Number(response.headers['retry-after'])).toBeGreaterThanOrEqual(30)
      expect(Number(response.headers['retry-after'])).toBeLessThanOrEqual(46)
      expect(response.headers).not.toHaveProperty('ratelimit-policy')
      const silent = await refused({ retryAfter: false })
      expect(silent.response.headers).not.toHaveProperty('retry-after')
    })

    it('answers 429 when there is a key', async () => {
      const { response, text } = await refused({ key: () => 'tenant' })
      expect(response.status).toBe(429)
      expect(JSON.parse(text)).toMatchObject({
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
        'violated-policies': ['concurrency'],
      })
    })

    it('lets onRejected answer in its place, with status and headers set', async () => {
      const { response, text, errors } = await refused((of: { answer: (text: string) => unknown }) => ({
        onRejected: of.answer('come back later'),
      }))
      expect(errors).toEqual([])
      expect([response.status, text]).toEqual([503, 'come back later'])
      expect(response.headers['content-type']).not.toContain('problem')
      expect(response.headers['retry-after']).toBeDefined()
    })

    it('waits for an async onRejected, and sends the default if it has not answered', async () => {
      const reasons: string[] = []
      const { response, text } = await refused({
        onRejected: async ({ reason }: { reason: string }) => {
          await turnOfTheLoop()
          reasons.push(reason)
        },
      })
      expect(response.status).toBe(503)
      expect(JSON.parse(text).reason).toBe('full')
      expect(reasons).toEqual(['full'])
    })

    it("hands what onRejected throws to the framework's error handling", async () => {
      for (const onRejected of [
        () => {
          throw new Error('broken')
        },
        () => Promise.reject(new Error('broken')),
      ]) {
        const { response, errors } = await refused({ onRejected })
        expect(response.status).toBe(500)
        expect(response.headers).not.toHaveProperty('retry-after')
        expect(errors).toMatchObject([{ message: 'broken' }])
      }
    })

    it.each(['onRejected', 'skip', 'key', 'weight', 'priority', 'deadline'])(
      'lets nobody in for %s that throws what is no error, on which frameworks go on',
      async (option) => {
        for (const broken of [
          () => {
            throw undefined
          },
          () => Promise.reject(),
          () => Promise.reject('route'),
        ]) {
          const { response, errors, text } = await refused({ [option]: broken })
          expect([response.status, text.includes('never')]).toEqual([500, false])
          expect(String(errors)).toContain('a function among the options of limit() threw')
        }
      },
    )
  })

  describe('options that look at the request', () => {
    it('lets a skipped request pass without a permit', async () => {
      const limiter = new BoundedSemaphore(1, { queue: 0 })
      const permit = limiter.tryAcquire() as Permit
      for (const later of [false, true]) {
        const { server } = await start({
          limits: (limit, { header }) => [
            limit({
              limiter,
              skip: (...context: unknown[]) => {
                const skipped = header('x-health')(...context) === 'yes'
                return later ? Promise.resolve(skipped) : skipped
              },
            }),
          ],
          handle: () => ({ body: `${limiter.inUse}` }),
        })
        await supertest(server).get('/').set('x-health', 'yes').expect(200, '1')
        await supertest(server).get('/').expect(503)
      }
      permit.release()
      await limiter.drain()
    })

    it('passes key, weight and priority on to the limiter, computed at once or later', async () => {
      const asked: unknown[] = []
      const inner = new BoundedSemaphore(5)
      const limiter: Limiter = {
        tryAcquire: (request) => {
          asked.push([request?.key, request?.weight, request?.priority])
          return inner.tryAcquire(request)
        },
        acquire: (request) => inner.acquire(request),
      }
      for (const wrap of [(value: unknown) => value, (value: unknown) => Promise.resolve(value)]) {
        const { server } = await start({
          limits: (limit, { header }) => [
            limit({
              limiter,
              key: (...context: unknown[]) => wrap(header('x-key')(...context)),
              weight: () => wrap(3),
              priority: () => wrap(7),
            }),
          ],
          handle: () => ({ body: `${inner.inUse}` }),
        })
        await supertest(server).get('/').set('x-key', 'tenant').expect(200, '3')
        await supertest(server).get('/').expect(200, '3')
      }
      expect(asked).toEqual([
        ['tenant', 3, 7],
        [undefined, 3, 7],
        ['tenant', 3, 7],
        [undefined, 3, 7],
      ])
      await inner.drain()
    })

    it('lets a request that weighs more than the limit in alone, also after the limit was lowered', async () => {
      const limiter = new BoundedSemaphore(4)
      const { server } = await start({
        limits: (limit) => [limit({ limiter, weight: () => 5 })],
        handle: () => ({ body: `${limiter.inUse}` }),
      })
      await supertest(server).get('/').expect(200, '4')
      limiter.resize(2)
      await supertest(server).get('/').expect(200, '2')
      await limiter.drain()
    })

    it('weighs a pipelined request when its turn comes: the limit may have been lowered since', async () => {
      const limiter = new BoundedSemaphore(4)
      const first = new Gate<Reply>()
      const arrived: string[] = []
      const { connect } = await start({
        before: ({ url }) => void arrived.push(url),
        limits: (limit) => [limit({ limiter, weight: () => 3 })],
        handle: ({ url }) => (url === '/1' ? first.opened : { body: `${limiter.inUse}` }),
      })
      const client = connect().send('/1').send('/2')
      await until(() => arrived.length === 2)
      await turnOfTheLoop()
      limiter.resize(2)
      first.open({ body: 'first' })
      await client.receives('first')
      await until(() => /\r\n2(\r\n0\r\n\r\n)?$/.test(client.received))
      await limiter.drain()
    })

    it('hands a failing or senseless option to the error handling, and never changes the count', async () => {
      const fail = (): never => {
        throw new Error('broken')
      }
      for (const options of [
        { key: fail },
        { skip: fail },
        { weight: () => Promise.reject(new Error('broken')) },
        { weight: () => -1 },
        { weight: () => Number.NaN },
        { key: () => 42 },
      ]) {
        const limiter = new BoundedSemaphore(2)
        const { server } = await start({
          limits: (limit) => [limit({ limiter, ...options })],
          handle: () => ({ body: 'never' }),
        })
        await supertest(server).get('/').expect(500)
        expect([limiter.inUse, limiter.waiting]).toEqual([0, 0])
      }
    })
  })

  describe('a limit for each key', () => {
    async function startKeyed(options: object = {}) {
      const started = await startStepwise(({ header }) => ({
        permits: 1,
        key: header('x-key'),
        deadline: (...context: unknown[]) => Number(header('x-deadline')(...context)),
        ...options,
      }))
      return { ...started, limiter: started.limiter as unknown as Keyed<BoundedSemaphore> }
    }
    const of = (key: string): { headers: string[] } => ({ headers: [`x-key: ${key}`] })

    it('lets in so many for each key, and answers 429 with problem details to one more of the same key', async () => {
      const { server, connect, entered, answer, limiter } = await startKeyed({ permits: 2, queue: 0 })
      const clients = [connect().send('/a1', of('a')), connect().send('/a2', of('a'))]
      await until(() => entered.length === 2)
      const response = await supertest(server).get('/a3').set('x-key', 'a').expect(429)
      expect(response.headers['content-type']).toBe('application/problem+json')
      expect(response.headers['retry-after']).toMatch(/^[12]$/)
      expect(response.headers['ratelimit-policy']).toBe('"concurrency";q=2;qu="concurrent-requests"')
      expect(JSON.parse(textOf(response))).toEqual({
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
        title: 'Request cannot be satisfied as assigned quota has been exceeded',
        'violated-policies': ['concurrency'],
        status: 429,
        detail: 'All permits are in use and the queue is full.',
        reason: 'full',
      })
      clients.push(connect().send('/b1', of('b')))
      await until(() => entered.length === 3)
      expect([entered.includes('/a3'), limiter.keys, limiter.inUse]).toEqual([false, 2, 3])
      for (const path of entered) answer(path)
      await Promise.all(clients.map((client, i) => client.receives(['/a1', '/a2', '/b1'][i] as string)))
      await limiter.drain()
    })

    it('makes those of one key wait for each other, and for nobody else', async () => {
      const { connect, entered, answer, limiter } = await startKeyed()
      connect().send('/a1', of('a'))
      await until(() => entered.length === 1)
      connect().send('/a2', of('a'))
      await until(() => limiter.waiting === 1)
      connect().send('/b1', of('b'))
      await until(() => entered.length === 2)
      answer('/b1')
      await until(() => limiter.keys === 1)
      expect([entered, limiter.waiting]).toEqual([['/a1', '/b1'], 1])
      answer('/a1')
      await until(() => entered.length === 3)
      answer('/a2')
      await limiter.drain()
    })

    it('leaves nothing behind of an idle key, also where its client left, waited in vain or was refused', async () => {
      const { server, connect, entered, answer, limiter } = await startKeyed({ queue: 1 })
      for (const key of ['a', 'b', 'c']) {
        const held = connect().send(`/${key}`, of(key))
        await until(() => entered.includes(`/${key}`))
        const refused = (): supertest.Test => supertest(server).get('/refused').set('x-key', key).expect(429)
        const leaver = connect().send('/leaver', of(key))
        await until(() => limiter.waiting === 1)
        expect(JSON.parse(textOf(await refused())).reason).toBe('full')
        leaver.leave()
        await until(() => limiter.waiting === 0)
        expect(JSON.parse(textOf(await refused().set('x-deadline', '20'))).reason).toBe('timeout')
        expect([limiter.keys, limiter.get(key)?.inUse]).toEqual([1, 1])
        if (key === 'b') held.leave()
        else answer(`/${key}`)
        await limiter.drain()
        expect([limiter.keys, limiter.get(key)]).toEqual([0, undefined])
      }
      expect(entered).toEqual(['/a', '/b', '/c'])
    })

    it('has those without a key share one limit', async () => {
      const { server, connect, entered, answer, limiter } = await startKeyed({ queue: 0 })
      connect().send('/held')
      await until(() => entered.length === 1)
      await supertest(server).get('/refused').expect(429)
      connect().send('/a', of('a'))
      await until(() => entered.length === 2)
      expect([limiter.inUse, limiter.keys]).toEqual([2, 1])
      answer('/held')
      answer('/a')
      await limiter.drain()
      answer('/later')
      await supertest(server).get('/later').expect(200)
    })

    it('refuses a key more than maxKeys, until one is idle', async () => {
      const { server, connect, entered, answer, limiter } = await startKeyed({ maxKeys: 1 })
      connect().send('/a', of('a'))
      await until(() => entered.length === 1)
      const response = await supertest(server).get('/b').set('x-key', 'b').expect(429)
      const { reason, detail } = JSON.parse(textOf(response))
      // No queue is full: it has none.
      const tooMany = 'Too many different keys have requests at the same time.'
      expect([reason, detail, limiter.keys]).toEqual(['full', tooMany, 1])
      answer('/a')
      await limiter.drain()
      answer('/b')
      await supertest(server).get('/b').set('x-key', 'b').expect(200, '/b')
    })

    it('lets a key more than maxKeys share the limit of those without one, if told to', async () => {
      const { server, connect, entered, answer, limiter } = await startKeyed({
        maxKeys: 1,
        onMaxKeys: 'share',
        queue: 0,
      })
      connect().send('/a', of('a'))
      await until(() => entered.length === 1)
      connect().send('/b', of('b'))
      await until(() => entered.length === 2)
      await supertest(server).get('/none').expect(429)
      expect(limiter.keys).toBe(1)
      for (const path of entered) answer(path)
      await limiter.drain()
    })
  })

  describe('a limiter and a queue of whatever kind', () => {
    const queues = {
      fifo: () => fifo({ limit: 10 }),
      lifo: () => lifo({ limit: 10 }),
      codel: () => codel({ limit: 10 }),
      adaptiveLifo: () => adaptiveLifo(),
      byPriority: () => byPriority({ limit: 10 }),
      fair: () => fair({ limit: 10 }),
    }
    const limiters: Record<string, () => object> = {
      ...Object.fromEntries(
        Object.entries(queues).map(([name, make]) => [name, () => ({ permits: 1, queue: make() })]),
      ),
      adaptive: () => ({ limiter: adaptive(new BoundedSemaphore(1, { queue: 10 }), probedLittle()) }),
      all: () => ({ limiter: all(new BoundedSemaphore(1), new BoundedSemaphore(2)) }),
      keyed: () => ({ limiter: keyed(() => new BoundedSemaphore(1)) }),
      observed: () => ({ limiter: observed(new BoundedSemaphore(1), { released: () => {} }) }),
      partitioned: () => ({ limiter: partitioned({ limit: 1, shares: {} }) }),
    }

    it.each(Object.keys(limiters))('lets requests in one by one: %s', async (name) => {
      const options = (limiters[name] as () => object)()
      const { connect, entered, answer } = await startStepwise(options)
      const clients = [connect(), connect()]
      clients[0]?.send('/first')
      await until(() => entered.length === 1)
      clients[1]?.send('/second')
      answer('/first')
      await clients[0]?.receives('/first')
      await until(() => entered.length === 2)
      answer('/second')
      await clients[1]?.receives('/second')
      expect(entered).toEqual(['/first', '/second'])
    })

    it('serves a higher priority first, by an option that looks at the request', async () => {
      const limiter = new BoundedSemaphore(1, { queue: byPriority() })
      const permit = limiter.tryAcquire() as Permit
      const entered: string[] = []
      const { server } = await start({
        limits: (limit, { header }) => [
          limit({
            limiter,
            priority: (...context: unknown[]) => Number(header('x-priority')(...context)),
          }),
        ],
        handle: ({ url }) => {
          entered.push(url)
          return { body: 'ok' }
        },
      })
      const answers: Promise<unknown>[] = []
      for (const [path, priority] of [
        ['/low', '1'],
        ['/high', '5'],
        ['/lower', '0'],
      ] as const) {
        const before = limiter.waiting
        answers.push(
          supertest(server)
            .get(path)
            .set('x-priority', priority)
            .expect(200)
            .then(() => {}),
        )
        await until(() => limiter.waiting === before + 1)
      }
      permit.release()
      await Promise.all(answers)
      expect(entered).toEqual(['/high', '/low', '/lower'])
    })
  })

  describe('a deadline', () => {
    it('ends the wait of a request whose client waits no longer, and no other', async () => {
      const limiter = new BoundedSemaphore(1)
      const permit = limiter.tryAcquire() as Permit
      const { server } = await start({
        limits: (limit, { header }) => [
          limit({
            limiter,
            queueTimeout: Infinity,
            deadline: (...context: unknown[]) => Number(header('x-patience-ms')(...context)),
          }),
        ],
        handle: () => ({ body: 'served' }),
      })
      const patient = supertest(server).get('/').expect(200, 'served')
      const served = patient.then(() => 'served')
      await until(() => limiter.waiting === 1)
      for (const ms of [30, 0, -5]) {
        const response = await supertest(server).get('/').set('x-patience-ms', String(ms)).expect(503)
        expect(JSON.parse(textOf(response)).reason).toBe('timeout')
      }
      expect(limiter.waiting).toBe(1)
      permit.release()
      expect(await served).toBe('served')
      await supertest(server).get('/').set('x-patience-ms', '0').expect(200, 'served')
      await limiter.drain()
    })

    it('makes nobody wait longer than the queue time-out', async () => {
      const limiter = new BoundedSemaphore(1)
      const permit = limiter.tryAcquire() as Permit
      const { server } = await start({
        limits: (limit) => [limit({ limiter, queueTimeout: 20, deadline: () => 60_000 })],
        handle: () => ({ body: 'never' }),
      })
      const response = await supertest(server).get('/').expect(503)
      expect(JSON.parse(textOf(response)).reason).toBe('timeout')
      permit.release()
      await limiter.drain()
    })
  })

  describe('a dry run', () => {
    it('lets everybody in at once, and tells of those who would have been refused', async () => {
      const told: unknown[] = []
      const dryRun = ({ reason, status }: Rejection, ...context: unknown[]): void => {
        told.push([reason, status, context.length > 0])
      }
      const options = { permits: 1, queue: 1, dryRun }
      const { connect, entered, answer, limiter } = await startStepwise(options)
      const clients = ['/permit', '/queue', '/full'].map((path) => {
        const client = connect()
        client.send(path)
        return { client, path }
      })
      await until(() => entered.length === 3)
      await until(() => told.length === 1)
      expect(told).toEqual([['full', 503, true]])
      expect([limiter.inUse, limiter.waiting]).toEqual([1, 1])
      for (const { client, path } of clients) {
        answer(path)
        await client.receives(path)
      }
      await limiter.drain()
      expect(told).toHaveLength(1)
    })

    it('tells of one that would have waited too long, and gives it no permit after that', async () => {
      const told: string[] = []
      const dryRun = ({ reason }: Rejection): void => void told.push(reason)
      const options = { permits: 1, queueTimeout: 10, dryRun }
      const { connect, entered, answer, limiter } = await startStepwise(options)
      connect().send('/one')
      await until(() => limiter.inUse === 1)
      const client = connect()
      client.send('/two')
      await until(() => told.length === 1)
      expect([told, entered]).toEqual([['timeout'], ['/one', '/two']])
      answer('/one')
      await limiter.drain()
      answer('/two')
      await client.receives('/two')
      expect(limiter.inUse).toBe(0)
    })

    it('leaves the queue with a response that is over first, or a client that leaves, and tells nothing', async () => {
      const told: unknown[] = []
      const options = { permits: 1, dryRun: (rejection: Rejection) => void told.push(rejection) }
      const { connect, entered, answer, limiter } = await startStepwise(options)
      connect().send('/held')
      await until(() => limiter.inUse === 1)
      const [quick, leaver] = [connect(), connect()]
      quick.send('/quick')
      leaver.send('/leaver')
      await until(() => entered.length === 3)
      expect(limiter.waiting).toBe(2)
      answer('/quick')
      await quick.receives('/quick')
      await until(() => limiter.waiting === 1)
      leaver.leave()
      await until(() => limiter.waiting === 0)
      answer('/held')
      await limiter.drain()
      expect(told).toEqual([])
    })

    it('takes the permit that it waited for, and gives it back with its response', async () => {
      const { connect, entered, answer, limiter } = await startStepwise({ permits: 1, dryRun: true })
      const [first, second] = [connect(), connect()]
      first.send('/first')
      second.send('/second')
      await until(() => entered.length === 2)
      answer(entered[0] as string)
      await until(() => limiter.waiting === 0)
      expect(limiter.inUse).toBe(1)
      answer(entered[1] as string)
      await limiter.drain()
    })

    it('ends no response for maxHold', async () => {
      const { connect, entered, answer, limiter } = await startStepwise({
        permits: 1,
        maxHold: 10,
        dryRun: true,
      })
      const client = connect()
      client.send('/long')
      await until(() => entered.length === 1)
      await new Promise((resolve) => setTimeout(resolve, 30))
      expect(limiter.inUse).toBe(1)
      answer('/long')
      await client.receives('/long')
      await limiter.drain()
    })
  })

  describe('giving the permit back when the response is over', () => {
    const endless = (): Readable => {
      const stream = new Readable({ read() {} })
      stream.push('begun')
      return stream
    }

    it.each([
      ['a body', { body: 'hello' }],
      ['no content', { status: 204 }],
      ['not modified', { status: 304 }],
    ])('after %s', (_, reply) =>
      expectRelease(
        () => reply,
        (client) => client.receives('HTTP/1.1'),
      ),
    )

    it('after a HEAD request', () =>
      expectRelease(
        () => ({ body: 'hello' }),
        (client) => client.receives('HTTP/1.1 200'),
        { method: 'HEAD' },
      ))

    it('after a stream, and not before its end', async () => {
      const limiter = new BoundedSemaphore(1)
      const body = endless()
      const { connect } = await start({ limits: (limit) => [limit({ limiter })], handle: () => ({ body }) })
      const client = connect().send('/')
      await client.receives('begun')
      for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
      expect(limiter.inUse).toBe(1)
      body.push(null)
      await limiter.drain()
    })

    it('after an answer whose request body nobody read', () =>
      expectRelease(
        () => ({ body: 'hello' }),
        (client) => client.receives('HTTP/1.1 200'),
        { method: 'POST', headers: ['Content-Length: 5'], body: 'abcde' },
      ))

    it('after a handler that throws', () =>
      expectRelease(
        () => {
          throw new Error('broken')
        },
        (client) => client.receives('500'),
      ))

    it('after a handler that rejects', () =>
      expectRelease(
        () => Promise.reject(new Error('broken')),
        (client) => (adapter.answersRejections ? client.receives('500') : client.leave()),
      ))

    it.each(['FIN', 'RST'] as const)('when the client leaves (%s) a handler that never answers', (how) =>
      expectRelease(never, (client) => client.leave(how)),
    )

    it.each(['FIN', 'RST'] as const)('when the client leaves (%s) in the middle of a stream', (how) =>
      expectRelease(
        () => ({ body: endless() }),
        async (client) => {
          await client.receives('begun')
          client.leave(how)
        },
      ),
    )

    it('when a client that stopped reading leaves', async () => {
      const chunk = Buffer.alloc(1 << 20)
      const flood = (): Readable =>
        Readable.from(
          (function* () {
            for (;;) yield chunk
          })(),
        )
      await expectRelease(
        () => ({ body: flood() }),
        async (client, { res }) => {
          client.socket.pause()
          await until(() => res.writableNeedDrain)
          client.leave()
        },
      )
    })

    it('when a body stream fails', () =>
      expectRelease(
        () => ({
          body: new Readable({
            read() {
              this.push('begun')
              this.destroy(new Error('broken'))
            },
          }),
        }),
        (client) => (adapter.endsFailedStreams ? undefined : client.leave()),
      ))

    it('when the handler destroys the response', () =>
      expectRelease(
        ({ res }) => {
          res.destroy()
          return { raw: true }
        },
        () => {},
      ))

    it('when the handler destroys the socket', () =>
      expectRelease(
        ({ req }) => {
          req.socket.destroy()
          return { raw: true }
        },
        () => {},
      ))

    it('when the server closes all connections', () =>
      expectRelease(never, (_client, _exchange, server) => server.closeAllConnections()))

    it('when the client leaves in the middle of an upload', () =>
      expectRelease(never, (client) => client.leave(), {
        method: 'POST',
        headers: ['Content-Length: 100'],
        body: 'some',
      }))

    it('when the client leaves after an upload that was read', () =>
      expectRelease(
        async ({ req }) => {
          for await (const _ of req);
          return never()
        },
        async (client, { req }) => {
          await until(() => req.readableEnded)
          client.leave()
        },
        { method: 'POST', headers: ['Content-Length: 4'], body: 'some' },
      ))

    it('for each request on a connection that is kept alive', async () => {
      const { connect, answer, limiter } = await startStepwise({ permits: 1 })
      const client = connect()
      for (const path of ['/1', '/2', '/3']) {
        client.send(path)
        answer(path)
        await client.receives(path)
        await limiter.drain()
      }
    })

    it('for each request of a pipeline, one after the other', async () => {
      const { connect, entered, answer, limiter } = await startStepwise({ permits: 3 })
      const client = connect().send('/1').send('/2').send('/3')
      for (const path of ['/1', '/2', '/3']) {
        await until(() => entered.includes(path))
        expect([limiter.inUse, limiter.waiting]).toEqual([1, 0])
        answer(path)
      }
      await client.receives('/3')
      await limiter.drain()
      expect(entered).toEqual(['/1', '/2', '/3'])
    })

    it('for the first of a pipeline whose client leaves; the others never run', async () => {
      const { connect, entered, limiter } = await startStepwise({ permits: 3 })
      const client = connect()
        .send('/1')
        .send('/2')
        .send('/3', { method: 'POST', headers: ['Content-Length: 2'], body: 'ab' })
      await until(() => limiter.inUse === 1)
      client.leave()
      await limiter.drain()
      for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
      expect(entered).toEqual(['/1'])
    })

    it('though an earlier request of the same connection comes to the limit later', async () => {
      const limiter = new BoundedSemaphore(1)
      const slow = new Gate()
      const passed: string[] = []
      const { connect } = await start({
        before: ({ url }) => {
          passed.push(url)
          return url === '/1' ? slow.opened : undefined
        },
        limits: (limit) => [limit({ limiter, queueTimeout: Infinity })],
        handle: ({ url }) => ({ body: url }),
      })
      const client = connect().send('/1').send('/2')
      await until(() => passed.length === 2)
      slow.open()
      await client.receives('/2')
      expect(client.received.indexOf('/1')).toBeLessThan(client.received.indexOf('/2'))
      await limiter.drain()
    })

    it('to both limits when the inner one refuses', async () => {
      const [outer, inner] = [new BoundedSemaphore(1), new BoundedSemaphore(1, { queue: 0 })]
      inner.tryAcquire()
      const { server } = await start({
        limits: (limit) => [limit({ limiter: outer }), limit({ limiter: inner })],
        handle: () => ({ body: 'never' }),
      })
      await supertest(server).get('/').expect(503)
      await outer.drain()
      expect(inner.inUse).toBe(1)
    })

    it('telling the limiter how it went', async () => {
      const outcomes: unknown[] = []
      const limiter: Limiter = {
        tryAcquire: () => {
          const release = (outcome?: unknown): void => void outcomes.push(outcome)
          return { release, [Symbol.dispose]: release }
        },
        acquire: () => Promise.reject(new Error('not needed')),
      }
      const entered: string[] = []
      const { server, connect } = await start({
        limits: (limit) => [limit({ limiter })],
        handle: ({ url }) => {
          entered.push(url)
          return url === '/stay' ? never() : { status: Number(url.slice(1)), body: 'ok' }
        },
      })
      for (const status of [200, 500, 429, 503, 504]) {
        await supertest(server).get(`/${status}`).expect(status)
        await until(() => outcomes.length === entered.length)
      }
      const client = connect().send('/stay')
      await until(() => entered.includes('/stay'))
      client.leave()
      await until(() => outcomes.length === 6)
      expect(outcomes).toEqual(['success', 'success', 'dropped', 'dropped', 'dropped', 'ignored'])
    })
  })

  describe('holding the permit for longer or shorter', () => {
    const begun = (): Readable => {
      const stream = new Readable({ read() {} })
      stream.push('begun')
      return stream
    }

    /** Starts one limit of one permit, and a handler that is given its exchange. */
    async function startLimited(options: object, handle: App['handle']) {
      const limiter = new BoundedSemaphore(1)
      const entered: string[] = []
      const started = await start({
        limits: (limit) => [limit({ limiter, ...options })],
        handle: (exchange) => {
          entered.push(exchange.url)
          return handle(exchange)
        },
      })
      return { ...started, limiter, entered }
    }

    it("gives it back when the headers are sent, with releaseOn 'headers'", async () => {
      const body = begun()
      const { connect, limiter } = await startLimited({ releaseOn: 'headers' }, ({ url }) =>
        url === '/stream' ? { body } : { body: 'short' },
      )
      const client = connect().send('/stream')
      await client.receives('begun')
      expect(limiter.inUse).toBe(0)
      const other = connect().send('/short')
      await other.receives('short')
      await limiter.drain()
      body.push(null)
      await client.receives('0\r\n\r\n')
      expect(limiter.value).toBe(1)
    })

    it("gives it back when a client leaves before the headers, with releaseOn 'headers'", async () => {
      const { connect, limiter } = await startLimited({ releaseOn: 'headers' }, never)
      const client = connect().send('/')
      await until(() => limiter.inUse === 1)
      client.leave()
      await limiter.drain()
    })

    it("keeps it until the handler has settled too, with releaseOn 'settled'", async () => {
      if (!adapter.seesHandlers) {
        // Connect cannot tell before a request comes.
        const asked = async (): Promise<unknown> => {
          const told = new Gate<unknown>()
          const { connect } = await start({
            limits: (limit) => [limit({ permits: 1, releaseOn: 'settled' })],
            handle: never,
            onError: told.open,
          })
          connect().send('/')
          return told.opened
        }
        expect(String(await asked().catch((error) => error))).toContain('releaseOn "settled" needs to see')
        return
      }
      const work = [new Gate<Reply>(), new Gate<Reply>()]
      const { connect, limiter, entered } = await startLimited({ releaseOn: 'settled' }, () => {
        return (work[entered.length - 1] as Gate<Reply>).opened
      })
      // Clients that connect and leave start no more work than there are permits.
      const leaver = connect().send('/1')
      await until(() => entered.length === 1)
      leaver.leave()
      const stayer = connect().send('/2')
      await until(() => limiter.waiting === 1)
      for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
      expect([limiter.inUse, entered]).toEqual([1, ['/1']])
      work[0]?.open({ body: 'too late' })
      await until(() => entered.length === 2)
      work[1]?.open({ body: 'in time' })
      await stayer.receives('in time')
      await limiter.drain()
    })

    it("keeps it until the stream has ended, with releaseOn 'settled'", async () => {
      if (!adapter.seesHandlers) return
      const body = begun()
      const { connect, limiter } = await startLimited({ releaseOn: 'settled' }, () => ({ body }))
      await connect().send('/').receives('begun')
      for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
      expect(limiter.inUse).toBe(1)
      body.push(null)
      await limiter.drain()
    })

    it('frees the route of clients that read slowly or not at all, with maxHold', async () => {
      const chunk = Buffer.alloc(1 << 20)
      const flood = (): Readable =>
        Readable.from(
          (function* () {
            for (;;) yield chunk
          })(),
        )
      const { connect, limiter } = await startLimited({ maxHold: 100, queueTimeout: Infinity }, ({ url }) =>
        url === '/slow' ? { body: flood() } : { body: 'served' },
      )
      const attackers = [1, 2, 3].map(() => connect().send('/slow'))
      for (const attacker of attackers) attacker.socket.pause()
      await until(() => limiter.inUse === 1 && limiter.waiting === 2)
      await connect().send('/').receives('served')
      await limiter.drain()
      for (const attacker of attackers) attacker.socket.resume()
      await until(() => attackers.every(({ closed }) => closed))
    })

    it('takes it back from a handler that never answers, and destroys the response, with maxHold', async () => {
      const { connect, limiter } = await startLimited({ maxHold: 20 }, never)
      const client = connect().send('/')
      await until(() => client.closed)
      expect(limiter.value).toBe(1)
    })

    it("takes it back, says so, and lets the response go on, with maxHold and 'release'", async () => {
      const body = begun()
      const told: unknown[][] = []
      const options = {
        maxHold: 20,
        onMaxHold: (...context: unknown[]) => {
          told.push(context)
          return 'release'
        },
      }
      const { connect, limiter } = await startLimited(options, () => ({ body }))
      const client = connect().send('/')
      await client.receives('begun')
      await until(() => told.length === 1)
      expect([limiter.inUse, told[0]?.length]).toEqual([0, adapter.contextLength])
      body.push('ended')
      body.push(null)
      await client.receives('ended')
      expect([limiter.value, told.length, client.closed]).toEqual([1, 1, false])
    })

    it('leaves alone who is done in time, with maxHold', async () => {
      let overdue = 0
      const timers = (): number =>
        process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
      const { connect, limiter } = await startLimited(
        { maxHold: 1_000_000, onMaxHold: () => void overdue++ },
        () => ({ body: 'ok' }),
      )
      const client = connect()
      const before = timers()
      for (let i = 0; i < 3; i++) client.send('/')
      await until(() => client.received.split('HTTP/1.1 200').length === 4)
      await limiter.drain()
      expect(overdue).toBe(0)
      expect(timers()).toBeLessThanOrEqual(before)
    })

    it('tells a handler that asked for it when its client leaves, and only then', async () => {
      const signals = new Map<string, AbortSignal>()
      const { connect, limiter } = await startLimited({}, ({ url, signal }) => {
        signals.set(url, signal())
        expect(signal()).toBe(signals.get(url))
        return url === '/stays' ? { body: 'ok' } : never()
      })
      await connect().send('/stays').receives('ok')
      await limiter.drain()
      expect(signals.get('/stays')?.aborted).toBe(false)
      const leaver = connect().send('/leaves')
      await until(() => signals.has('/leaves'))
      leaver.leave()
      await until(() => signals.get('/leaves')?.aborted === true)
      expect(String(signals.get('/leaves')?.reason)).toContain('client left')
      await limiter.drain()
    })

    it('takes back a permit that is kept beyond its response, and leaves the connection alone', async () => {
      const gate = new Gate<Reply>()
      let signal: AbortSignal | undefined
      const { connect, limiter } = await startLimited({ maxHold: 30 }, ({ url, keep, ...exchange }) => {
        if (url === '/next') return gate.opened
        keep()
        signal = exchange.signal()
        return { body: 'kept' }
      })
      const client = connect().send('/kept')
      await client.receives('kept')
      await until(() => limiter.inUse === 0)
      expect(signal?.aborted).toBe(true)
      client.send('/next')
      await until(() => limiter.inUse === 1)
      gate.open({ body: 'next' })
      await client.receives('next')
      await limiter.drain()
    })

    it("keeps it beyond the headers for a handler that asked for it, with releaseOn 'headers'", async () => {
      let release: (() => void) | undefined
      const { connect, limiter } = await startLimited({ releaseOn: 'headers' }, ({ keep }) => {
        release = keep()
        return { body: 'ok' }
      })
      await connect().send('/').receives('ok')
      for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
      expect(limiter.inUse).toBe(1)
      release?.()
      expect(limiter.inUse).toBe(0)
    })

    it('tells a handler that asks after it has answered nothing of a client that is there', async () => {
      let late: AbortSignal | undefined
      const { connect, limiter } = await startLimited({}, ({ res, signal }) => {
        res.once('finish', () => {
          late = signal()
        })
        return { body: 'ok' }
      })
      await connect().send('/').receives('ok')
      await limiter.drain()
      await until(() => late !== undefined)
      for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
      expect(late?.aborted).toBe(false)
    })

    it('tells a handler too that its permit was taken back', async () => {
      let signal: AbortSignal | undefined
      const options = { maxHold: 20, onMaxHold: 'release' }
      const { connect } = await startLimited(options, (exchange) => {
        signal = exchange.signal()
        return never()
      })
      connect().send('/')
      await until(() => signal?.aborted === true)
      expect(String(signal?.reason)).toContain('taken back')
    })

    it('keeps it for a handler that asked for it, until that gives it back', async () => {
      let release: (() => void) | undefined
      const { connect, limiter } = await startLimited({}, ({ keep }) => {
        release = keep()
        return { body: 'ok' }
      })
      const client = connect().send('/')
      await client.receives('ok')
      const closed = connect().send('/')
      await until(() => limiter.waiting === 1)
      for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
      expect(limiter.inUse).toBe(1)
      release?.()
      release?.()
      await closed.receives('ok')
      release?.()
      await limiter.drain()
    })
  })

  describe('a client that leaves while its request waits', () => {
    it.each(['FIN', 'RST'] as const)(
      'leaves the queue at once (%s), and its handler never runs',
      async (how) => {
        const { connect, entered, answer, limiter } = await startStepwise({ permits: 1, queue: 1 })
        connect().send('/held')
        await until(() => limiter.inUse === 1)
        const leaver = connect().send('/leaves')
        await until(() => limiter.waiting === 1)
        leaver.leave(how)
        await until(() => limiter.waiting === 0)
        const stayer = connect().send('/stays')
        await until(() => limiter.waiting === 1)
        answer('/held')
        answer('/stays')
        await stayer.receives('/stays')
        await limiter.drain()
        expect(entered).toEqual(['/held', '/stays'])
      },
    )

    it('leaves with all its pipelined requests', async () => {
      const { connect, entered, answer, limiter } = await startStepwise({ permits: 1 })
      connect().send('/held')
      await until(() => limiter.inUse === 1)
      const leaver = connect()
      for (let i = 0; i < 10; i++) leaver.send(`/leaves/${i}`)
      await until(() => limiter.waiting === 1)
      leaver.leave()
      await until(() => limiter.waiting === 0)
      answer('/held')
      await limiter.drain()
      expect(entered).toEqual(['/held'])
    })

    it('adds one listener a socket, however many requests it pipelines', async () => {
      const warnings: Error[] = []
      const onWarning = (warning: Error): void => void warnings.push(warning)
      process.on('warning', onWarning)
      const { connect, answer, limiter } = await startStepwise({ permits: 1 })
      const client = connect()
      for (let i = 0; i < 30; i++) client.send('/same')
      await until(() => limiter.inUse === 1)
      answer('/same')
      await until(() => client.received.split('HTTP/1.1 200').length === 31)
      await limiter.drain()
      await turnOfTheLoop()
      process.off('warning', onWarning)
      expect(warnings).toEqual([])
    })

    it('never runs, even if it leaves in the moment it is granted a permit', async () => {
      const granted = new Gate<Permit>()
      const inner = new BoundedSemaphore(1)
      const held = inner.tryAcquire() as Permit
      let signal: AbortSignal | undefined
      // Grants a permit to a request it was told has gone: what a grant and an abort at once look like.
      const limiter: Limiter = {
        tryAcquire: () => undefined,
        acquire: (request) => {
          signal = request?.signal
          return granted.opened
        },
      }
      let ran = false
      const { connect } = await start({
        limits: (limit) => [limit({ limiter })],
        handle: () => {
          ran = true
          return { body: 'never' }
        },
      })
      const client = connect().send('/')
      await until(() => signal !== undefined)
      client.leave()
      await until(() => signal?.aborted === true)
      granted.open(held)
      await inner.drain()
      await turnOfTheLoop()
      expect(ran).toBe(false)
    })

    it('never asks for a permit if it left before it came to the limiter', async () => {
      for (const pipelined of [false, true]) {
        const limiter = new BoundedSemaphore(5)
        const gates: Gate[] = []
        const entered: string[] = []
        const { connect, server } = await start({
          before: ({ url }) => {
            if (url === '/first') return undefined
            const gate = new Gate()
            gates.push(gate)
            return gate.opened
          },
          limits: (limit) => [limit({ limiter })],
          handle: ({ url }) => {
            entered.push(url)
            return never()
          },
        })
        const closed = new Gate()
        server.on('connection', (socket) => socket.on('close', () => closed.open()))
        const client = connect()
        if (pipelined) client.send('/first')
        client.send('/second')
        await until(() => gates.length === 1)
        client.leave()
        await closed.opened
        gates[0]?.open()
        await turnOfTheLoop()
        await limiter.drain()
        expect(entered).toEqual(pipelined ? ['/first'] : [])
      }
    })

    it('never asks for a permit if somebody else had answered it before', async () => {
      const limiter = new BoundedSemaphore(1)
      const passed = new Gate()
      let ran = false
      const { connect } = await start({
        before: ({ res }) => {
          res.end('answered')
          setImmediate(() => passed.open())
        },
        limits: (limit) => [limit({ limiter })],
        handle: () => {
          ran = true
          return { body: 'never' }
        },
      })
      const client = connect().send('/')
      await client.receives('answered')
      await passed.opened
      expect(ran).toBe(false)
      expect(limiter.inUse).toBe(0)
    })

    it('is not called when somebody else answered it meanwhile, and nothing more is sent', async () => {
      const complaints = vi.spyOn(console, 'error')
      const limiter = new BoundedSemaphore(1)
      const held = limiter.tryAcquire() as Permit
      const arrived = new Gate<Exchange>()
      let ran = false
      const errors: unknown[] = []
      const { connect } = await start({
        onError: (error) => errors.push(error),
        before: (exchange) => arrived.open(exchange),
        limits: (limit) => [limit({ limiter })],
        handle: () => {
          ran = true
          return { body: 'never' }
        },
      })
      const client = connect().send('/')
      await until(() => limiter.waiting === 1)
      const { res } = await arrived.opened
      res.statusCode = 504
      res.end('gave up')
      await client.receives('gave up')
      await until(() => limiter.waiting === 0)
      held.release()
      await limiter.drain()
      for (let turn = 0; turn < 10; turn++) await turnOfTheLoop()
      expect(ran).toBe(false)
      expect(errors).toEqual([])
      expect(complaints).not.toHaveBeenCalled()
    })
  })

  describe('whatever clients do', () => {
    it('never has more requests inside than the limit, and gets all permits back', async () => {
      const limiter = new BoundedSemaphore(3, { queue: 20 })
      let inside = 0
      let most = 0
      const { connect } = await start({
        limits: (limit) => [limit({ limiter })],
        handle: async ({ url, res }) => {
          most = Math.max(most, ++inside)
          // Inside until its response is over.
          res.once('close', () => inside--)
          for (let turn = 0; turn < 5; turn++) await turnOfTheLoop()
          return url === '/stream' ? { body: Readable.from(['a', 'b', 'c']) } : { body: 'ok' }
        },
      })
      // A fixed pattern of clients that stay, leave at once, and leave a little later.
      for (let i = 0; i < 200; i++) {
        const client = connect().send(i % 3 === 0 ? '/stream' : '/')
        if (i % 5 === 0) client.leave(i % 2 ? 'FIN' : 'RST')
        if (i % 7 === 0) setImmediate(() => client.leave())
        if (i % 10 === 0) await turnOfTheLoop()
      }
      await until(() => clients.every((client) => client.closed || client.received.includes('HTTP/1.1')))
      await limiter.drain()
      expect(most).toBe(3)
      expect(limiter.value).toBe(3)
    })
  })
}

function never(): Promise<Reply> {
  return new Promise(() => {})
}

/** supertest keeps a body it does not know as bytes. */
function textOf(response: supertest.Response): string {
  return response.text ?? response.body.toString()
}
