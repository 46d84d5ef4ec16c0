import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createAdaptorServer } from '@hono/node-server'
import type { Limiter } from '@lineclear/core'
import { limit as expressLimit } from '@lineclear/express'
import { limit as honoLimit } from '@lineclear/hono'
import { limit as koaLimit } from '@lineclear/koa'
import express, { type ErrorRequestHandler, type Response } from 'express'
import express4 from 'express4'
import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import Koa from 'koa'
import Koa2 from 'koa2'

/** What a handler answers, in no framework's terms. */
export interface Reply {
  status?: number
  body?: string | Readable
  /** Answered by hand, on the raw response. */
  raw?: true
}

/** What a handler sees. */
export interface Exchange {
  req: IncomingMessage
  res: ServerResponse
  url: string
}

/** An application: an earlier middleware, some limits in a row on every route, and a handler. */
export interface App {
  limits: Limits
  before?: (exchange: Exchange) => Promise<void> | void
  handle: (exchange: Exchange) => Reply | Promise<Reply>
  /** Told of what reaches the framework's error handling, which answers 500. */
  onError?: (error: unknown) => void
}

// The context differs from framework to framework; the contract only passes it to `header` and `answer`.
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyLimit = (options: any) => { limiter: Limiter }
type Limits = (limit: AnyLimit, of: Translation) => { limiter: Limiter }[]

/** What a test needs to say in a framework's own words, given what it hands to an option's function. */
interface Translation {
  // biome-ignore lint/suspicious/noExplicitAny: the context of whichever framework
  header(name: string): (...context: any[]) => string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: the context of whichever framework
  answer(text: string): (rejection: unknown, ...context: any[]) => unknown
}

export interface Adapter {
  name: string
  create(app: App): Server
  translation: Translation
  /** Whether a rejected handler is answered 500; otherwise the request stays open. */
  answersRejections: boolean
  /** Whether a body stream that fails ends the response; otherwise the client has to leave. */
  endsFailedStreams: boolean
}

function expressAdapter(name: string, make: typeof express, answersRejections: boolean): Adapter {
  return {
    name,
    answersRejections,
    endsFailedStreams: true,
    translation: {
      header: (header) => (req) => req.get(header),
      answer: (text) => (_, __, res) => res.send(text),
    },
    create({ limits, before, handle, onError }) {
      const app = make()
      app.set('env', 'test')
      if (before) {
        app.use((req, res, next) => {
          const passed = before({ req, res, url: req.originalUrl })
          if (passed === undefined) next()
          else passed.then(() => next())
        })
      }
      // biome-ignore lint/suspicious/noExplicitAny: the limits are those of this adapter
      app.use(...(limits(expressLimit, this.translation) as any[]))
      // Not async itself, so that what a handler throws at once reaches Express 4 too.
      app.use((req, res) => {
        const responded = respond(res, handle({ req, res, url: req.originalUrl }))
        return answersRejections ? responded : responded.catch(unheard)
      })
      app.use(((error, _req, res, next) => {
        onError?.(error)
        if (res.headersSent) next(error)
        else res.status(500).send('failed')
      }) satisfies ErrorRequestHandler)
      return createServer(app)

      async function respond(res: Response, reply: Reply | Promise<Reply>): Promise<void> {
        const { status = 200, body, raw } = await reply
        if (raw) return
        res.status(status)
        if (body instanceof Readable) await pipeline(body, res).catch(() => {})
        else res.send(body)
      }
    },
  }
}

function koaAdapter(name: string, Make: typeof Koa, endsFailedStreams: boolean): Adapter {
  return {
    name,
    answersRejections: true,
    endsFailedStreams,
    translation: {
      header: (header) => (ctx) => ctx.get(header) || undefined,
      answer: (text) => (_, ctx) => {
        ctx.body = text
      },
    },
    create({ limits, before, handle, onError }) {
      const app = new Make()
      app.on('error', (error) => onError?.(error))
      app.use((ctx, next) => {
        const passed = before?.({ req: ctx.req, res: ctx.res, url: ctx.originalUrl })
        return passed === undefined ? next() : passed.then(next)
      })
      // biome-ignore lint/suspicious/noExplicitAny: the limits are those of this adapter
      for (const middleware of limits(koaLimit, this.translation) as any[]) app.use(middleware)
      app.use(async (ctx) => {
        const { status = 200, body, raw } = await handle({ req: ctx.req, res: ctx.res, url: ctx.originalUrl })
        if (raw) {
          ctx.respond = false
          return
        }
        ctx.body = body ?? null
        ctx.status = status
      })
      return createServer(app.callback())
    },
  }
}

const honoAdapter: Adapter = {
  name: 'Hono 4 on @hono/node-server',
  answersRejections: true,
  endsFailedStreams: true,
  translation: {
    header: (header) => (c) => c.req.header(header),
    answer: (text) => (_, c) => c.text(text),
  },
  create({ limits, before, handle, onError }) {
    const app = new Hono<{ Bindings: { incoming: IncomingMessage; outgoing: ServerResponse } }>()
    const exchange = (c: Context): Exchange => ({
      req: c.env.incoming,
      res: c.env.outgoing,
      url: c.env.incoming.url,
    })
    app.onError((error, c) => {
      onError?.(error)
      return c.text('failed', 500)
    })
    app.use((c, next) => {
      const passed = before?.(exchange(c))
      return passed === undefined ? next() : passed.then(next)
    })
    // biome-ignore lint/suspicious/noExplicitAny: the limits are those of this adapter
    app.use(...(limits(honoLimit, this.translation) as any[]))
    app.all('*', async (c) => {
      const { status = 200, body, raw } = await handle(exchange(c))
      // Looked for on the platform's own Response only: hence the clone.
      if (raw) return new Response(null, { headers: { 'x-hono-already-sent': 'true' } }).clone()
      const content = body instanceof Readable ? (Readable.toWeb(body) as ReadableStream) : (body ?? null)
      return c.body(content as string, status as ContentfulStatusCode)
    })
    return createAdaptorServer(app) as Server
  },
}

/** Express 4 does not look at what a handler returns: the rejection is nobody's, and nobody answers. */
function unheard(): void {}

export const adapters: Adapter[] = [
  expressAdapter('Express 5', express, true),
  expressAdapter('Express 4', express4, false),
  koaAdapter('Koa 3', Koa, true),
  koaAdapter('Koa 2', Koa2, false),
  honoAdapter,
]
