import { EventEmitter } from 'node:events'
import type { RequestListener } from 'node:http'
import { BoundedSemaphore } from '@lineclear/core'
import inject, { type DispatchFunc } from 'light-my-request'
import { createMocks, type RequestMethod } from 'node-mocks-http'
import serverless from 'serverless-http'
import { describe, expect, it } from 'vitest'
import type { Adapter, Reply } from './adapters/adapter.ts'
import { adapters } from './adapters.ts'
import { Gate, until } from './helpers.ts'

/** Sends a request to a listener without a socket, and resolves with the status and the body. */
type Send = (listener: RequestListener, path: string, method: RequestMethod) => Promise<[number, string]>

const fakes: [string, Send][] = [
  [
    'serverless-http',
    async (listener, path, httpMethod) => {
      const event = { path, httpMethod, headers: { host: 'localhost' }, requestContext: {} }
      const response = (await serverless(listener as never)(event, {})) as {
        statusCode: number
        body: string
      }
      return [response.statusCode, response.body]
    },
  ],
  [
    'node-mocks-http',
    async (listener, url, method) => {
      const { req, res } = createMocks(
        { url, method, headers: { host: 'localhost' } },
        { eventEmitter: EventEmitter },
      )
      const ended = new Gate()
      res.on('end', ended.open)
      listener(req as never, res as never)
      await ended.opened
      return [res.statusCode, String(res._getData())]
    },
  ],
  // Last: it changes the prototypes that all Express applications share, and serverless-http gets stuck.
  [
    'light-my-request',
    async (listener, url, method) => {
      const response = await inject(listener as DispatchFunc, { url, method: method as 'GET' })
      return [response.statusCode, response.payload]
    },
  ],
]

/** srvx, and h3 on it, never end the response of node-mocks-http, limit or no limit. */
function drives(fake: string, { name }: Adapter): boolean {
  return fake !== 'node-mocks-http' || !/srvx|h3/.test(name)
}

describe.each(fakes)('through %s', (fake, send) => {
  const driven = adapters.filter((adapter) => drives(fake, adapter))
  describe.each(driven)('$name', (adapter: Adapter) => {
    async function start(limiter: BoundedSemaphore, handle: (path: string) => Reply | Promise<Reply>) {
      const server = await adapter.create({
        limits: (limit) => [limit({ limiter })],
        handle: ({ url }) => handle(url),
      })
      const [listener] = server.listeners('request') as RequestListener[]
      return (path: string, method: RequestMethod = 'GET') => send(listener as RequestListener, path, method)
    }

    it('gives the permit back after each answer', async () => {
      const limiter = new BoundedSemaphore(1)
      const request = await start(limiter, () => ({ body: `${limiter.inUse}` }))
      for (let i = 0; i < 3; i++) expect(await request('/')).toEqual([200, '1'])
      await limiter.drain()
    })

    it('gives the permit back after HEAD, no content and a failure', async () => {
      const limiter = new BoundedSemaphore(1)
      const request = await start(limiter, (path) => {
        if (path === '/fails') throw new Error('broken')
        return path === '/empty' ? { status: 204 } : { body: 'hello' }
      })
      expect((await request('/', 'HEAD'))[0]).toBe(200)
      expect((await request('/empty'))[0]).toBe(204)
      expect((await request('/fails'))[0]).toBe(500)
      await limiter.drain()
    })

    it('lets the next one in that waits, and refuses where the queue is full', async () => {
      const limiter = new BoundedSemaphore(1, { queue: 1 })
      const gate = new Gate<Reply>()
      const request = await start(limiter, (path) => (path === '/held' ? gate.opened : { body: path }))
      const held = request('/held')
      await until(() => limiter.inUse === 1)
      const waits = request('/waits')
      await until(() => limiter.waiting === 1)
      expect((await request('/refused'))[0]).toBe(503)
      gate.open({ body: 'held' })
      expect(await Promise.all([held, waits])).toEqual([
        [200, 'held'],
        [200, '/waits'],
      ])
      await limiter.drain()
    })
  })
})
