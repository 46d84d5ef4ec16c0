import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { clientSignal, keepPermit, limit } from '@lineclear/express'
import express, { type ErrorRequestHandler, type Request, type Response } from 'express'
import express4 from 'express4'
import { type Adapter, type Exchange, type Reply, unheard } from './adapter.ts'

function expressAdapter(name: string, make: typeof express, answersRejections: boolean): Adapter {
  return {
    name,
    callsOnTheStack: true,
    answersRejections,
    contextLength: 2,
    seesHandlers: false,
    endsFailedStreams: true,
    translation: {
      header: (header) => (req) => req.get(header),
      answer: (text) => (_, __, res) => res.send(text),
    },
    create({ limits, before, handle, onError }) {
      const exchange = (req: Request, res: Response): Exchange => ({
        req,
        res,
        url: req.originalUrl,
        signal: () => clientSignal(req),
        keep: () => keepPermit(req),
      })
      const app = make()
      app.set('env', 'test')
      if (before) {
        app.use((req, res, next) => {
          const passed = before(exchange(req, res))
          if (passed === undefined) next()
          else passed.then(() => next())
        })
      }
      // biome-ignore lint/suspicious/noExplicitAny: the limits are those of this adapter
      app.use(...(limits(limit, this.translation) as any[]))
      // Not async itself, so that what a handler throws at once reaches Express 4 too.
      app.use((req, res) => {
        const responded = respond(res, handle(exchange(req, res)))
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

export const expressAdapters: Adapter[] = [
  expressAdapter('Express 5', express, true),
  expressAdapter('Express 4', express4, false),
]
