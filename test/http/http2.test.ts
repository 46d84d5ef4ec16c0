import { once } from 'node:events'
import { type ClientHttp2Session, connect, createServer, type Http2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { BoundedSemaphore, type Limiter, type Outcome } from '@lineclear/core'
import { limit as honoLimit } from '@lineclear/hono'
import { limit as koaLimit } from '@lineclear/koa'
import { Hono } from 'hono'
import Koa from 'koa'
import { afterEach, describe, expect, it } from 'vitest'
import { Gate, turnOfTheLoop, until } from './helpers.ts'

type Handler = (path: string) => Promise<string>

const servers: [string, (limiter: Limiter, before: () => Promise<void>, handle: Handler) => Http2Server][] = [
  [
    'Koa',
    (limiter, before, handle) => {
      const app = new Koa()
      app.use((_ctx, next) => before().then(next))
      app.use(koaLimit({ limiter }))
      app.use(async (ctx) => {
        ctx.body = await handle(ctx.path)
      })
      return createServer(app.callback())
    },
  ],
  [
    'Hono',
    (limiter, before, handle) => {
      const app = new Hono()
      app.use((_c, next) => before().then(next))
      app.use(honoLimit({ limiter }))
      app.get('*', async (c) => c.text(await handle(c.req.path)))
      return createAdaptorServer({ fetch: app.fetch, createServer }) as Http2Server
    },
  ],
]

describe.each(servers)('%s on HTTP/2', (_, create) => {
  let server: Http2Server
  let session: ClientHttp2Session

  afterEach(() => {
    session.destroy()
    server.close()
  })

  async function start(limiter: Limiter, handle: Handler, before = async (): Promise<void> => {}) {
    server = create(limiter, before, handle)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    return (path: string, method = 'GET') =>
      session
        .request({ ':path': path, ':method': method })
        .on('error', () => {})
        .resume()
  }

  it('gives the permit back, and tells how it went', async () => {
    const outcomes: (Outcome | undefined)[] = []
    const limiter: Limiter = {
      tryAcquire: () => ({ release: (outcome) => void outcomes.push(outcome), [Symbol.dispose]() {} }),
      acquire: () => Promise.reject(new Error('not needed')),
    }
    const entered: string[] = []
    const request = await start(limiter, (path) => {
      entered.push(path)
      return path === '/stays' ? new Promise(() => {}) : Promise.resolve('ok')
    })
    await once(request('/'), 'close')
    await until(() => outcomes.length === 1)
    const leaver = request('/stays')
    await until(() => entered.length === 2)
    leaver.close()
    await until(() => outcomes.length === 2)
    expect(outcomes).toEqual(['success', 'ignored'])
  })

  it('lets a client that leaves while it waits leave the queue, and never calls its handler', async () => {
    const limiter = new BoundedSemaphore(1)
    const gate = new Gate<string>()
    const entered: string[] = []
    const request = await start(limiter, (path) => {
      entered.push(path)
      return gate.opened
    })
    request('/held')
    await until(() => limiter.inUse === 1)
    const leaver = request('/leaves')
    await until(() => limiter.waiting === 1)
    leaver.close()
    await until(() => limiter.waiting === 0)
    gate.open('done')
    await limiter.drain()
    expect(entered).toEqual(['/held'])
  })

  it('gives the permit back when a client leaves its HEAD request, at work or waiting', async () => {
    const outcomes: (Outcome | undefined)[] = []
    const limiter = new BoundedSemaphore(1)
    const telling: Limiter = {
      tryAcquire: () => undefined,
      acquire: async (request) => {
        const permit = await limiter.acquire(request)
        return {
          release(outcome) {
            outcomes.push(outcome)
            permit.release()
          },
          [Symbol.dispose]() {},
        }
      },
    }
    let ran = 0
    const request = await start(telling, async () => {
      ran++
      return new Promise(() => {})
    })
    const head = (): { close(): void } => request('/', 'HEAD')
    const worker = head()
    await until(() => ran === 1)
    const waiter = head()
    await until(() => limiter.waiting === 1)
    waiter.close()
    await until(() => limiter.waiting === 0)
    worker.close()
    await limiter.drain()
    expect([ran, outcomes]).toEqual([1, ['ignored']])
  })

  it('never asks for a permit for a client that left before', async () => {
    const limiter = new BoundedSemaphore(1)
    const arrived = new Gate()
    const gate = new Gate()
    let ran = false
    const request = await start(
      limiter,
      async () => {
        ran = true
        return 'never'
      },
      () => {
        arrived.open()
        return gate.opened
      },
    )
    const streams: { destroyed: boolean }[] = []
    server.on('stream', (stream) => streams.push(stream))
    const leaver = request('/')
    await arrived.opened
    leaver.close()
    await until(() => streams[0]?.destroyed === true)
    gate.open()
    for (let turn = 0; turn < 5; turn++) await turnOfTheLoop()
    expect([ran, limiter.inUse]).toEqual([false, 0])
  })
})
