import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createAdaptorServer } from '@hono/node-server'
import type { Limiter } from '@lineclear/core'
import { limit as expressLimit } from '@lineclear/express'
import { limit as fastifyLimit, type LimitHook } from '@lineclear/fastify'
import { limit as honoLimit } from '@lineclear/hono'
import { limit as koaLimit } from '@lineclear/koa'
import { type Limited, limit as nodeLimit } from '@lineclear/node'
import connect from 'connect'
import express, { type ErrorRequestHandler, type Response } from 'express'
import express4 from 'express4'
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import Koa from 'koa'
import Koa2 from 'koa2'
import { vi } from 'vitest'

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
  create(app: App): Server | Promise<Server>
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
      if (raw) return new Response(null, { headers: { 'x-hono-already-sent': 'true' } })
      const content = body instanceof Readable ? (Readable.toWeb(body) as ReadableStream) : (body ?? null)
      return c.body(content as string, status as ContentfulStatusCode)
    })
    return createAdaptorServer(app) as Server
  },
}

const fastifyAdapter: Adapter = {
  name: 'Fastify 5',
  answersRejections: true,
  endsFailedStreams: true,
  translation: {
    header: (header) => (request) => request.headers[header],
    answer: (text) => (_, __, reply) => void reply.send(text),
  },
  async create({ limits, before, handle, onError }) {
    const app = fastify()
    const exchange = (request: FastifyRequest, reply: FastifyReply): Exchange => ({
      req: request.raw,
      res: reply.raw,
      url: request.url,
    })
    app.setErrorHandler((error, _request, reply) => {
      onError?.(error)
      reply.send(error)
    })
    // Whatever is uploaded, the handler reads it, or not.
    app.addContentTypeParser('*', (_request, _body, done) => done(null))
    app.addHook('onRequest', (request, reply, done) => {
      const passed = before?.(exchange(request, reply))
      if (passed === undefined) done()
      else passed.then(() => done())
    })
    for (const hook of limits(fastifyLimit, this.translation) as LimitHook[]) app.addHook('onRequest', hook)
    app.all('*', async (request, reply) => {
      const { status = 200, body, raw } = await handle(exchange(request, reply))
      return raw ? reply.hijack() : reply.code(status).send(body)
    })
    await app.ready()
    return app.server
  },
}

/** Answers on the raw response, once the reply is there. */
async function respondRaw(res: ServerResponse, reply: Reply | Promise<Reply>): Promise<void> {
  const { status = 200, body, raw } = await reply
  if (raw) return
  res.statusCode = status
  if (body instanceof Readable) await pipeline(body, res).catch(() => {})
  else res.end(body)
}

const inNode: Translation = {
  header: (header) => (req) => req.headers[header],
  answer: (text) => (_, __, res) => res.setHeader('content-type', 'text/plain').end(text),
}

const bareAdapter: Adapter = {
  name: 'node:http',
  answersRejections: true,
  endsFailedStreams: true,
  translation: inNode,
  create({ limits, before, handle, onError }) {
    // Its error handling.
    vi.spyOn(console, 'error').mockImplementation((error) => onError?.(error))
    const limited = limits(nodeLimit, this.translation) as Limited[]
    const listener = limited.reduceRight((inner, each) => each(inner), answer)
    return createServer((req, res) => {
      const passed = before?.({ req, res, url: req.url as string })
      if (passed === undefined) listener(req, res)
      else passed.then(() => listener(req, res))
    })

    function answer(req: IncomingMessage, res: ServerResponse): unknown {
      const failed = (): void => {
        res.statusCode = 500
        res.end('failed')
      }
      try {
        return respondRaw(res, handle({ req, res, url: req.url as string })).catch(failed)
      } catch {
        return failed()
      }
    }
  },
}

const connectAdapter: Adapter = {
  name: 'Connect',
  answersRejections: false,
  endsFailedStreams: true,
  translation: inNode,
  create({ limits, before, handle, onError }) {
    const app = connect()
    app.use((req, res, next) => {
      const passed = before?.({ req, res, url: req.originalUrl as string })
      if (passed === undefined) next()
      else passed.then(() => next())
    })
    for (const limited of limits(nodeLimit, this.translation) as Limited[]) app.use(limited)
    app.use((req, res) => {
      respondRaw(res, handle({ req, res, url: req.originalUrl as string })).catch(unheard)
    })
    app.use((error: unknown, _req: IncomingMessage, res: ServerResponse, _next: unknown) => {
      onError?.(error)
      res.statusCode = 500
      res.end('failed')
    })
    return createServer(app)
  },
}

/** Express 4 and Connect do not look at what a handler returns: the rejection is nobody's, and nobody answers. */
function unheard(): void {}

export const adapters: Adapter[] = [
  expressAdapter('Express 5', express, true),
  expressAdapter('Express 4', express4, false),
  koaAdapter('Koa 3', Koa, true),
  koaAdapter('Koa 2', Koa2, false),
  honoAdapter,
  bareAdapter,
  connectAdapter,
  fastifyAdapter,
]
