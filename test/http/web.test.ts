import { getEventListeners } from 'node:events'
import { BoundedSemaphore, type Permit } from '@lineclear/core'
import { clientSignal, keepPermit, limit as limitFetch } from '@lineclear/fetch'
import { limit } from '@lineclear/hono'
import { type Context, Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { Gate, turnOfTheLoop, until } from './helpers.ts'

type Handler = (request: Request) => Response | Promise<Response>

interface WebApp {
  request(path: string | Request, init?: RequestInit): Promise<Response>
}

type Options = Omit<
  Parameters<typeof limitFetch>[0],
  'limiter' | 'permits' | 'queue' | 'key' | 'maxKeys' | 'onMaxKeys'
>

/** What runs under Bun, Deno and Workers, and in tests: no Node server anywhere. */
const makers: [string, (limiter: BoundedSemaphore, handler: Handler, options?: Options) => WebApp][] = [
  [
    'Hono through app.request()',
    (limiter, handler, options = {}) => {
      const app = new Hono()
      app.onError((_, c) => c.text('failed', 500))
      app.use(limit({ limiter, ...(options as object) }))
      app.all('*', (c) => handler(c.req.raw))
      return { request: async (path, init) => app.request(path, init) }
    },
  ],
  [
    'a fetch handler',
    (limiter, handler, options = {}) => {
      const limited = limitFetch({ limiter, ...options })(handler)
      return {
        request: (path, init) => {
          const request = path instanceof Request ? path : new Request(`http://localhost${path}`, init)
          return limited(request).catch(() => new Response('failed', { status: 500 }))
        },
      }
    },
  ],
]

describe.each(makers)('%s', (_, app) => {
  it.each([
    ['a text', () => new Response('hello')],
    ['JSON', () => Response.json({ hello: 1 })],
    ['bytes', () => new Response(new Uint8Array(100_000))],
    ['no body', () => new Response(null, { status: 204 })],
    ['a redirect', () => Response.redirect('http://localhost/')],
  ])('frees the permit after %s, even if nobody reads it', async (_, handler) => {
    const limiter = new BoundedSemaphore(1)
    const server = app(limiter, handler)
    for (let i = 0; i < 3; i++) await server.request('/')
    expect(limiter.inUse).toBe(0)
  })

  it('leaves status, headers, cookies and body as they are', async () => {
    const handler = (): Response => {
      const response = new Response('hello', { status: 201, headers: { 'x-a': '1' } })
      response.headers.append('set-cookie', 'a=1')
      response.headers.append('set-cookie', 'b=2')
      return response
    }
    const response = await app(new BoundedSemaphore(1), handler).request('/')
    expect([response.status, response.headers.get('x-a')]).toEqual([201, '1'])
    expect(response.headers.get('content-type')).toContain('text/plain')
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect(await response.text()).toBe('hello')
  })

  it('holds the permit until a stream has been read', async () => {
    const limiter = new BoundedSemaphore(1)
    const stream = new TransformStream<Uint8Array, Uint8Array>()
    const writer = stream.writable.getWriter()
    const response = await app(limiter, () => new Response(stream.readable)).request('/')
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    for (const text of ['one', 'two', 'three']) {
      writer.write(new TextEncoder().encode(text))
      expect(new TextDecoder().decode((await reader.read()).value)).toBe(text)
      expect(limiter.inUse).toBe(1)
    }
    writer.close()
    expect((await reader.read()).done).toBe(true)
    expect(limiter.inUse).toBe(0)
  })

  it('frees the permit when the reader cancels, and cancels the source', async () => {
    const limiter = new BoundedSemaphore(1)
    const cancelled = new Gate<unknown>()
    const body = new ReadableStream({ cancel: (reason) => cancelled.open(reason) })
    const response = await app(limiter, () => new Response(body)).request('/')
    expect(limiter.inUse).toBe(1)
    await response.body?.cancel('enough')
    expect(await cancelled.opened).toBe('enough')
    expect(limiter.inUse).toBe(0)
  })

  it('frees the permit when the reader cancels between two chunks', async () => {
    const limiter = new BoundedSemaphore(1)
    const body = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1)) })
    const response = await app(limiter, () => new Response(body)).request('/')
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    for (let chunks = 0; chunks < 5; chunks++) await reader.read()
    expect(limiter.inUse).toBe(1)
    await reader.cancel()
    expect(limiter.inUse).toBe(0)
  })

  it('frees the permit when the stream fails, and passes the error on', async () => {
    const limiter = new BoundedSemaphore(1)
    const body = new ReadableStream({
      pull(controller) {
        controller.error(new Error('broken'))
      },
    })
    const response = await app(limiter, () => new Response(body)).request('/')
    await expect(response.text()).rejects.toThrow('broken')
    expect(limiter.inUse).toBe(0)
  })

  it("frees the permit when the request's signal aborts in the middle of a stream", async () => {
    const limiter = new BoundedSemaphore(1)
    const client = new AbortController()
    await app(limiter, () => new Response(new ReadableStream())).request('/', { signal: client.signal })
    expect(limiter.inUse).toBe(1)
    client.abort()
    expect(limiter.inUse).toBe(0)
  })

  it('frees the permit when the signal aborts while the handler works', async () => {
    const limiter = new BoundedSemaphore(1)
    const client = new AbortController()
    const entered = new Gate()
    const server = app(limiter, () => {
      entered.open()
      return new Promise(() => {})
    })
    server.request('/', { signal: client.signal })
    await entered.opened
    client.abort()
    expect(limiter.inUse).toBe(0)
  })

  it('frees the permit once when the signal aborts before the handler answers a stream', async () => {
    const limiter = new BoundedSemaphore(1)
    const client = new AbortController()
    const gate = new Gate<Response>()
    const response = app(limiter, () => gate.opened).request('/', { signal: client.signal })
    await until(() => limiter.inUse === 1)
    client.abort()
    gate.open(new Response(new ReadableStream()))
    await response
    expect(limiter.inUse).toBe(0)
  })

  it('never calls the handler of a request that had been aborted before', async () => {
    const limiter = new BoundedSemaphore(1)
    let ran = false
    const server = app(limiter, () => {
      ran = true
      return new Response()
    })
    await server.request('/', { signal: AbortSignal.abort() })
    expect([ran, limiter.inUse]).toEqual([false, 0])
  })

  it('listens to no signal any more when the response is over', async () => {
    const { signal } = new AbortController()
    const request = new Request('http://localhost/', { signal })
    const limiter = new BoundedSemaphore(1)
    await (await app(limiter, () => new Response('hello')).request(request)).text()
    expect(getEventListeners(request.signal, 'abort')).toEqual([])
  })

  it('frees the permit of a HEAD request, whose body Hono drops', async () => {
    const limiter = new BoundedSemaphore(1)
    const handler = (): Response => new Response(new ReadableStream())
    await app(limiter, handler).request('/', { method: 'HEAD' })
    expect(limiter.inUse).toBe(0)
  })

  it.each([
    ['an Error', new Error('broken')],
    ['something else', 'broken'],
  ])('frees the permit when the handler throws %s', async (_, thrown) => {
    const limiter = new BoundedSemaphore(1)
    const server = app(limiter, () => {
      throw thrown
    })
    await Promise.resolve(server.request('/')).catch(() => {})
    expect(limiter.inUse).toBe(0)
  })

  it.each([
    ['nothing', null],
    ['a body', 'hello'],
  ])(
    'in a dry run leaves the queue with an answer of %s, and takes no permit after that',
    async (_, body) => {
      const limiter = new BoundedSemaphore(1)
      const held = limiter.tryAcquire()
      const server = app(limiter, () => new Response(body), { dryRun: true })
      await (await server.request('/')).text()
      await turnOfTheLoop()
      expect(limiter.waiting).toBe(0)
      held?.release()
      await turnOfTheLoop()
      expect(limiter.inUse).toBe(0)
    },
  )

  it('in a dry run gives back what came while the body was read', async () => {
    const limiter = new BoundedSemaphore(1)
    const held = limiter.tryAcquire()
    let body: ReadableStreamDefaultController | undefined
    const stream = new ReadableStream({
      start(controller) {
        body = controller
      },
    })
    const server = app(limiter, () => new Response(stream), { dryRun: true })
    const answered = server.request('/')
    await turnOfTheLoop()
    held?.release()
    await turnOfTheLoop()
    expect([limiter.waiting, limiter.inUse]).toEqual([0, 1])
    body?.close()
    await (await answered).text()
    await limiter.drain()
  })

  it('queues, and refuses when the queue is full', async () => {
    const limiter = new BoundedSemaphore(1, { queue: 1 })
    const gate = new Gate<Response>()
    const server = app(limiter, (request) =>
      pathOf(request) === '/held' ? gate.opened : new Response(pathOf(request)),
    )
    const held = server.request('/held')
    const queued = server.request('/queued')
    await until(() => limiter.waiting === 1)
    const refused = await server.request('/refused')
    expect(refused.status).toBe(503)
    expect(refused.headers.get('content-type')).toBe('application/problem+json')
    expect(await refused.json()).toMatchObject({ reason: 'full' })
    gate.open(new Response('held'))
    expect(await (await held).text()).toBe('held')
    expect(await (await queued).text()).toBe('/queued')
    expect(limiter.inUse).toBe(0)
  })

  it('lets a request that is aborted while it waits leave, and never calls its handler', async () => {
    const limiter = new BoundedSemaphore(1)
    const gate = new Gate<Response>()
    const entered: string[] = []
    const server = app(limiter, (request) => {
      entered.push(pathOf(request))
      return gate.opened
    })
    const held = server.request('/held')
    const client = new AbortController()
    const leaver = server.request('/leaves', { signal: client.signal })
    await until(() => limiter.waiting === 1)
    client.abort()
    expect(limiter.waiting).toBe(0)
    gate.open(new Response('held'))
    await Promise.all([held, leaver])
    await turnOfTheLoop()
    expect(entered).toEqual(['/held'])
    expect(limiter.inUse).toBe(0)
  })

  it('counts a request once that meets the same limiter twice', async () => {
    const limiter = new BoundedSemaphore(1)
    const inner = limitFetch({ limiter })(() => new Response(`${limiter.inUse}`))
    const response = await app(limiter, (request) => inner(request)).request('/')
    expect([await response.text(), limiter.inUse]).toEqual(['1', 0])
  })

  it("tells the limiter of an answer that says 'overloaded'", async () => {
    const outcomes: unknown[] = []
    const limiter = new BoundedSemaphore(1)
    const acquire = limiter.tryAcquire.bind(limiter)
    limiter.tryAcquire = (request) => {
      const permit = acquire(request) as Permit
      return {
        release(outcome) {
          outcomes.push(outcome)
          permit.release()
        },
        [Symbol.dispose]() {},
      }
    }
    for (const status of [200, 404, 429, 503, 504]) {
      await app(limiter, () => new Response('text', { status })).request('/')
      await app(limiter, () => new Response(null, { status })).request('/')
    }
    const pairs = ['success', 'success', 'dropped', 'dropped', 'dropped']
    expect(outcomes).toEqual(pairs.flatMap((outcome) => [outcome, outcome]))
  })

  it("gives the permit back with the Response, with releaseOn 'headers', and does not touch its body", async () => {
    const limiter = new BoundedSemaphore(1)
    const body = new ReadableStream()
    const response = await app(limiter, () => new Response(body), { releaseOn: 'headers' }).request('/')
    expect([limiter.inUse, response.body]).toEqual([0, body])
  })

  it("keeps the permit until the handler has settled too, with releaseOn 'settled'", async () => {
    const limiter = new BoundedSemaphore(1)
    const client = new AbortController()
    const gate = new Gate<Response>()
    const server = app(limiter, () => gate.opened, { releaseOn: 'settled' })
    const response = server.request('/', { signal: client.signal })
    await until(() => limiter.inUse === 1)
    client.abort()
    for (let turn = 0; turn < 5; turn++) await turnOfTheLoop()
    expect(limiter.inUse).toBe(1)
    gate.open(new Response(new ReadableStream()))
    await response
    expect(limiter.inUse).toBe(0)
  })

  it("keeps the permit until the stream has ended, with releaseOn 'settled'", async () => {
    const limiter = new BoundedSemaphore(1)
    const body = new ReadableStream()
    const response = await app(limiter, () => new Response(body), { releaseOn: 'settled' }).request('/')
    expect(limiter.inUse).toBe(1)
    await response.body?.cancel()
    expect(limiter.inUse).toBe(0)
  })

  it('takes the permit back from a handler that never answers, and answers in its place, with maxHold', async () => {
    const limiter = new BoundedSemaphore(1)
    const response = await app(limiter, () => new Promise(() => {}), { maxHold: 20 }).request('/')
    expect([response.status, limiter.inUse]).toEqual([503, 0])
  })

  it('takes the permit back from a body that nobody reads, and ends it, with maxHold', async () => {
    const limiter = new BoundedSemaphore(1)
    const cancelled = new Gate<unknown>()
    const body = new ReadableStream({ cancel: (reason) => cancelled.open(reason) })
    const response = await app(limiter, () => new Response(body), { maxHold: 20 }).request('/')
    expect(limiter.inUse).toBe(1)
    expect(String(await cancelled.opened)).toContain('taken back')
    expect(limiter.inUse).toBe(0)
    await expect(response.text()).rejects.toThrow('taken back')
  })

  it("takes the permit back, says so, and lets the body go on, with maxHold and 'release'", async () => {
    const limiter = new BoundedSemaphore(1)
    const stream = new TransformStream<Uint8Array, Uint8Array>()
    const told = new Gate<unknown>()
    const response = await app(limiter, () => new Response(stream.readable), {
      maxHold: 20,
      onMaxHold: (first) => {
        told.open(first)
        return 'release'
      },
    }).request('/')
    expect(await told.opened).toBeDefined()
    expect(limiter.inUse).toBe(0)
    const writer = stream.writable.getWriter()
    writer.write(new TextEncoder().encode('and on'))
    writer.close()
    expect(await response.text()).toBe('and on')
    expect(limiter.value).toBe(1)
  })

  it('passes on what a handler throws before maxHold', async () => {
    const limiter = new BoundedSemaphore(1)
    const handler = (): Promise<Response> => Promise.reject(new Error('broken'))
    const response = await app(limiter, handler, { maxHold: 60_000 }).request('/')
    expect([response.status, limiter.inUse]).toEqual([500, 0])
  })

  it('tells a handler that asked for it when its client leaves, and only then', async () => {
    const limiter = new BoundedSemaphore(1)
    const signals: AbortSignal[] = []
    const gate = new Gate()
    const server = app(limiter, async (request) => {
      signals.push(clientSignal(request))
      expect(clientSignal(request)).toBe(signals.at(-1))
      if (pathOf(request) === '/stays') await gate.opened
      return new Response(pathOf(request) === '/text' ? 'text' : new ReadableStream())
    })
    await server.request('/text')
    const reader = await server.request('/cancels')
    await reader.body?.cancel()
    const client = new AbortController()
    server.request('/stays', { signal: client.signal })
    await until(() => signals.length === 3)
    client.abort()
    gate.open()
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, true, true])
    expect(String(signals[2]?.reason)).toContain('client left')
  })

  it('tells a handler too that its permit was taken back', async () => {
    const limiter = new BoundedSemaphore(1)
    let signal: AbortSignal | undefined
    const handler = (request: Request): Promise<Response> => {
      signal = clientSignal(request)
      return new Promise(() => {})
    }
    await app(limiter, handler, { maxHold: 20 }).request('/')
    expect(String(signal?.reason)).toContain('taken back')
  })

  it('keeps the permit for a handler that asked for it, until that gives it back', async () => {
    const limiter = new BoundedSemaphore(1)
    let release: (() => void) | undefined
    const handler = (request: Request): Response => {
      release = keepPermit(request)
      return new Response(null, { status: 204 })
    }
    await app(limiter, handler).request('/')
    expect(limiter.inUse).toBe(1)
    release?.()
    release?.()
    expect(limiter.value).toBe(1)
  })
})

/** What Hono does besides. */
describe('Hono without a Node server', () => {
  it('takes nothing for a Node request that is none', async () => {
    const limiter = new BoundedSemaphore(1)
    const app = new Hono().use(limit({ limiter })).get('/', (c) => c.text('text'))
    for (const incoming of ['a variable of this name', {}, { method: 'GET' }]) {
      expect(await (await app.request('/', {}, { incoming })).text()).toBe('text')
    }
    expect(limiter.inUse).toBe(0)
  })

  it('leaves the queue when a signal aborts that others listen to', async () => {
    const limiter = new BoundedSemaphore(1)
    const permit = limiter.tryAcquire()
    const client = new AbortController()
    const server = new Hono()
    server.use((c, next) => {
      c.req.raw.signal.addEventListener('abort', () => {})
      return next()
    })
    server.use(limit({ limiter })).get('/', (c) => c.text('never'))
    const response = server.request('/', { signal: client.signal })
    await until(() => limiter.waiting === 1)
    client.abort()
    await response
    expect(limiter.waiting).toBe(0)
    permit?.release()
    expect(limiter.inUse).toBe(0)
  })

  it('frees the permit when inner middleware has read the body or holds its reader', async () => {
    const limiter = new BoundedSemaphore(1)
    for (const read of [(c: Context) => c.res.text(), (c: Context) => c.res.body?.getReader()]) {
      const server = new Hono().use(limit({ limiter }))
      server.use(async (c, next) => {
        await next()
        await read(c)
      })
      server.get('/', (c) => c.text('hello'))
      const { status } = await server.request('/')
      expect([status, limiter.inUse]).toEqual([200, 0])
    }
  })

  it('counts a request once that meets the same limiter twice, also in a nested app', async () => {
    const limiter = new BoundedSemaphore(1)
    const inner = new Hono().use(limit({ limiter })).get('/', (c) => c.text(`${limiter.inUse}`))
    const outer = new Hono().use(limit({ limiter })).route('/inner', inner)
    expect(await (await outer.request('/inner')).text()).toBe('1')
    expect(limiter.inUse).toBe(0)
  })
})

describe('a limited fetch handler', () => {
  it('declares a request, without which Deno hands nothing over', () => {
    expect(limitFetch({ permits: 1 })(() => new Response()).length).toBe(1)
  })

  it('gives options and handler what the server hands over', async () => {
    const seen: unknown[][] = []
    const limited = limitFetch({
      permits: 1,
      skip: (...context) => {
        seen.push(context)
        return false
      },
    })
    const request = new Request('http://localhost/')
    const handler = limited((...handed: [Request, string, number]) => {
      seen.push(handed)
      return new Response()
    })
    await handler(request, 'env', 42)
    expect(seen).toEqual([
      [request, 'env', 42],
      [request, 'env', 42],
    ])
  })

  it('finds the request in an event of SvelteKit or h3', async () => {
    const limiter = new BoundedSemaphore(1)
    const request = new Request('http://localhost/')
    for (const event of [{ request }, { req: request }]) {
      const limited = limitFetch({ limiter, skip: (first, second) => first !== request || second !== event })
      const inUse = await limited((given: typeof event) => [given, limiter.inUse])(event)
      expect(inUse).toEqual([event, 1])
    }
    expect(limiter.inUse).toBe(0)
  })

  it('is middleware too, for srvx and h3', async () => {
    const limiter = new BoundedSemaphore(1)
    const limited = limitFetch({ limiter })
    const response = await limited(new Request('http://localhost/'), () => new Response(`${limiter.inUse}`))
    expect([await response.text(), limiter.inUse]).toEqual(['1', 0])
  })

  it('rejects with what the options and the handler throw, and keeps no permit', async () => {
    const limiter = new BoundedSemaphore(1)
    const broken = (): never => {
      throw new Error('broken')
    }
    const request = new Request('http://localhost/')
    await expect(limitFetch({ limiter, skip: broken })(() => new Response())(request)).rejects.toThrow(
      'broken',
    )
    await expect(limitFetch({ limiter })(broken)(request)).rejects.toThrow('broken')
    expect(limiter.inUse).toBe(0)
  })

  it('says how it is called to those who call it otherwise', async () => {
    const limited = limitFetch({ permits: 1 }) as unknown as (...args: unknown[]) => Promise<unknown>
    expect(() => limited(new Request('http://localhost/'))).toThrow('call it with a handler')
    const handler = limited(() => new Response()) as unknown as (request: unknown) => Promise<unknown>
    await expect(handler(undefined)).rejects.toThrow('must be called with a Request')
  })

  it('cancels the body of an answer that comes after maxHold', async () => {
    const late = new Gate<Response>()
    const cancelled = new Gate<unknown>()
    const limited = limitFetch({ permits: 1, maxHold: 20 })(() => late.opened)
    const { status } = (await limited(new Request('http://localhost/'))) as Response
    expect(status).toBe(503)
    late.open(new Response(new ReadableStream({ cancel: (reason) => cancelled.open(reason) })))
    await cancelled.opened
  })

  it('gives a permit back at once for an answer that is no Response and in memory', async () => {
    const limiter = new BoundedSemaphore(1)
    expect(await limitFetch({ limiter })(() => ({ hello: 1 }))(new Request('http://localhost/'))).toEqual({
      hello: 1,
    })
    expect(await limitFetch({ limiter })(() => undefined)(new Request('http://localhost/'))).toBeUndefined()
    expect(limiter.inUse).toBe(0)
  })
})

function pathOf(request: Request): string {
  return new URL(request.url).pathname
}
