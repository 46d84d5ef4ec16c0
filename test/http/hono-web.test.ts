import { getEventListeners } from 'node:events'
import { BoundedSemaphore } from '@lineclear/core'
import { limit } from '@lineclear/hono'
import { type Context, Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { Gate, turnOfTheLoop, until } from './helpers.ts'

/** Hono without a Node server: what runs under Bun, Deno and Workers, and in `app.request()`. */
describe('Hono through app.request()', () => {
  function app(limiter: BoundedSemaphore, handler: (path: string) => Response | Promise<Response>): Hono {
    const app = new Hono()
    app.onError((_, c) => c.text('failed', 500))
    app.use(limit({ limiter }))
    app.all('*', (c) => handler(c.req.path))
    return app
  }

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

  it('queues, and refuses when the queue is full', async () => {
    const limiter = new BoundedSemaphore(1, { queue: 1 })
    const gate = new Gate<Response>()
    const server = app(limiter, (path) => (path === '/held' ? gate.opened : new Response(path)))
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
    const server = app(limiter, (path) => {
      entered.push(path)
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

  it('counts a request once that meets the same limiter twice, also in a nested app', async () => {
    const limiter = new BoundedSemaphore(1)
    const inner = new Hono().use(limit({ limiter })).get('/', (c) => c.text(`${limiter.inUse}`))
    const outer = new Hono().use(limit({ limiter })).route('/inner', inner)
    expect(await (await outer.request('/inner')).text()).toBe('1')
    expect(limiter.inUse).toBe(0)
  })
})
