import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { createAdaptorServer } from '@hono/node-server'
import { clientSignal, keepPermit, limit } from '@lineclear/fetch'
import { H3, type H3Event } from 'h3'
import { toNodeHandler as h3Handler } from 'h3/node'
import { toNodeHandler } from 'srvx/node'
import type { Adapter, App, Exchange, Reply } from './adapters.ts'

type Limited = ReturnType<typeof limit>
interface NodeBinding {
  incoming: IncomingMessage
  outgoing: ServerResponse
}

/** What srvx puts on a request, and so h3. */
function nodeOf(request: Request): { req: IncomingMessage; res: ServerResponse } {
  return (request as unknown as { runtime: { node: { req: IncomingMessage; res: ServerResponse } } }).runtime
    .node
}

function exchangeOf(request: Request, req: IncomingMessage, res: ServerResponse): Exchange {
  return {
    req,
    res,
    url: req.url as string,
    signal: () => clientSignal(request),
    keep: () => keepPermit(request),
  }
}

function respond({ status = 200, body, raw }: Reply): Response {
  if (raw) return new Response(null)
  const content = body instanceof Readable ? (Readable.toWeb(body) as ReadableStream) : (body ?? null)
  return new Response(content, { status })
}

const common: Omit<Adapter, 'name' | 'create'> = {
  callsOnTheStack: true,
  contextLength: 1,
  answersRejections: true,
  seesHandlers: true,
  endsFailedStreams: true,
  translation: {
    header: (header) => (request: Request) => request.headers.get(header) ?? undefined,
    answer: (text) => (rejection) => {
      const { status, headers } = rejection as { status: number; headers: Record<string, string> }
      return new Response(text, { status, headers: { ...headers, 'content-type': 'text/plain' } })
    },
  },
}

/** An app as one fetch handler, around whatever a server hands over. */
function handlerOf(
  { limits, before, handle, onError }: App,
  translation: Adapter['translation'],
  exchange: (request: Request, ...beside: never[]) => Exchange,
): (request: Request, ...beside: never[]) => Promise<Response> {
  const serve = async (request: Request, ...beside: never[]): Promise<Response> =>
    respond(await handle(exchange(request, ...beside)))
  const limited = (limits(limit, translation) as unknown as Limited[]).reduceRight<typeof serve>(
    (inner, each) => each(inner) as typeof serve,
    serve,
  )
  return async (request, ...beside) => {
    try {
      const passed = before?.(exchange(request, ...beside))
      if (passed !== undefined) await passed
      return await limited(request, ...beside)
    } catch (error) {
      onError?.(error)
      return new Response('failed', { status: 500 })
    }
  }
}

const onSrvx: Adapter = {
  ...common,
  name: 'fetch on srvx',
  create(app) {
    const exchange = (request: Request): Exchange => {
      const { req, res } = nodeOf(request)
      return exchangeOf(request, req, res)
    }
    return createServer(toNodeHandler(handlerOf(app, common.translation, exchange)) as never)
  },
}

const onHonoNodeServer: Adapter = {
  ...common,
  name: 'fetch on @hono/node-server',
  contextLength: 2,
  create(app) {
    const exchange = (request: Request, { incoming, outgoing }: NodeBinding): Exchange => ({
      ...exchangeOf(request, incoming, outgoing),
      signal: () => clientSignal(request, { incoming, outgoing }),
      keep: () => keepPermit(request, { incoming, outgoing }),
    })
    return createAdaptorServer({
      fetch: handlerOf(app, common.translation, exchange as never) as never,
    }) as Server
  },
}

const h3: Adapter = {
  ...common,
  name: 'h3 2',
  contextLength: 2,
  create({ limits, before, handle, onError }) {
    const exchange = (event: H3Event): Exchange => {
      const { req, res } = nodeOf(event.req)
      return exchangeOf(event.req, req, res)
    }
    const app = new H3({
      onError: (error) => {
        onError?.(error.cause ?? error)
        return new Response('failed', { status: 500 })
      },
    })
    app.use(async (event, next) => {
      await before?.(exchange(event))
      return next()
    })
    for (const limited of limits(limit, common.translation) as unknown as Limited[]) app.use(limited)
    app.all('/**', async (event) => respond(await handle(exchange(event))))
    return createServer(h3Handler(app) as never)
  },
}

export const fetchAdapters: Adapter[] = [onSrvx, onHonoNodeServer, h3]
