import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { createAdaptorServer } from '@hono/node-server'
import { clientSignal, keepPermit, limit } from '@lineclear/hono'
import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Adapter, Exchange } from './adapter.ts'

export const honoAdapter: Adapter = {
  name: 'Hono 4 on @hono/node-server',
  callsOnTheStack: true,
  answersRejections: true,
  contextLength: 1,
  seesHandlers: true,
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
      signal: () => clientSignal(c),
      keep: () => keepPermit(c),
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
    app.use(...(limits(limit, this.translation) as any[]))
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
