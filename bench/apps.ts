import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { limit as expressLimit } from '@lineclear/express'
import { limit as honoLimit } from '@lineclear/hono'
import { limit as koaLimit } from '@lineclear/koa'
import express, { type RequestHandler } from 'express'
import expressQueue from 'express-queue'
import { Hono, type MiddlewareHandler } from 'hono'
import Koa, { type Middleware } from 'koa'

// The same route in each framework, behind one middleware or none. Each starts and tells its port.

const BODY = 'hello'
const FREE = { permits: 1000 }
const FULL = { permits: 1, queue: 0 }

const expressMiddleware = {
  bare: () => undefined,
  empty: () => (_req, _res, next) => next(),
  limit: () => expressLimit(FREE),
  refusing: () => taken(expressLimit(FULL)),
  'express-queue': () => expressQueue({ activeLimit: 1000, queuedLimit: -1 }),
} satisfies Record<string, () => RequestHandler | undefined>

const koaMiddleware = {
  bare: () => undefined,
  empty: () => (_ctx, next) => next(),
  limit: () => koaLimit(FREE),
  refusing: () => taken(koaLimit(FULL)),
} satisfies Record<string, () => Middleware | undefined>

const honoMiddleware = {
  bare: () => undefined,
  empty: () => (_c, next) => next(),
  limit: () => honoLimit(FREE),
  refusing: () => taken(honoLimit(FULL)),
} satisfies Record<string, () => MiddlewareHandler | undefined>

export const apps = {
  express: {
    middleware: expressMiddleware,
    start(middleware: RequestHandler | undefined): Promise<number> {
      const app = express()
      if (middleware !== undefined) app.use(middleware)
      app.get('/', (_req, res) => {
        res.send(BODY)
      })
      return new Promise((resolve) => {
        const server = app.listen(0, '127.0.0.1', () => resolve(portOf(server.address())))
      })
    },
  },
  koa: {
    middleware: koaMiddleware,
    start(middleware: Middleware | undefined): Promise<number> {
      const app = new Koa()
      if (middleware !== undefined) app.use(middleware)
      app.use((ctx) => {
        ctx.body = BODY
      })
      return new Promise((resolve) => {
        const server = app.listen(0, '127.0.0.1', () => resolve(portOf(server.address())))
      })
    },
  },
  hono: {
    middleware: honoMiddleware,
    start(middleware: MiddlewareHandler | undefined): Promise<number> {
      const app = new Hono()
      if (middleware !== undefined) app.use(middleware)
      app.get('/', (c) => c.text(BODY))
      return new Promise((resolve) => {
        serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => resolve(port))
      })
    },
  },
}

export type Framework = keyof typeof apps
export type Kind = keyof typeof expressMiddleware

/** Takes the only permit, and keeps it. */
function taken<M extends { limiter: { tryAcquire(): unknown } }>(middleware: M): M {
  middleware.limiter.tryAcquire()
  return middleware
}

function portOf(address: AddressInfo | string | null): number {
  return (address as AddressInfo).port
}
