import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { clientSignal, keepPermit, type Limited, limit } from '@lineclear/node'
import connect from 'connect'
import { type Adapter, type Exchange, type Reply, type Translation, unheard } from './adapter.ts'

function exchangeOf(req: IncomingMessage, res: ServerResponse, url: string | undefined): Exchange {
  return {
    req,
    res,
    url: url as string,
    signal: () => clientSignal(req, res),
    keep: () => keepPermit(req, res),
  }
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

export const bareAdapter: Adapter = {
  name: 'node:http',
  callsOnTheStack: true,
  contextLength: 2,
  answersRejections: true,
  seesHandlers: true,
  endsFailedStreams: true,
  translation: inNode,
  create({ limits, before, handle, onError }) {
    // Its error handling.
    const { error: print } = console
    const hear = (error: unknown): void => onError?.(error)
    console.error = hear
    const limited = limits(limit, this.translation) as Limited[]
    const listener = limited.reduceRight((inner, each) => each(inner), answer)
    const server = createServer((req, res) => {
      const passed = before?.(exchangeOf(req, res, req.url))
      if (passed === undefined) listener(req, res)
      else passed.then(() => listener(req, res))
    })
    return server.once('close', () => {
      if (console.error === hear) console.error = print
    })

    function answer(req: IncomingMessage, res: ServerResponse): unknown {
      const failed = (): void => {
        res.statusCode = 500
        res.end('failed')
      }
      try {
        return respondRaw(res, handle(exchangeOf(req, res, req.url))).catch(failed)
      } catch {
        return failed()
      }
    }
  },
}

export const connectAdapter: Adapter = {
  name: 'Connect',
  callsOnTheStack: true,
  contextLength: 2,
  answersRejections: false,
  seesHandlers: false,
  endsFailedStreams: true,
  translation: inNode,
  create({ limits, before, handle, onError }) {
    const app = connect()
    app.use((req, res, next) => {
      const passed = before?.(exchangeOf(req, res, req.originalUrl))
      if (passed === undefined) next()
      else passed.then(() => next())
    })
    for (const limited of limits(limit, this.translation) as Limited[]) app.use(limited)
    app.use((req, res) => {
      respondRaw(res, handle(exchangeOf(req, res, req.originalUrl))).catch(unheard)
    })
    app.use((error: unknown, _req: IncomingMessage, res: ServerResponse, _next: unknown) => {
      onError?.(error)
      res.statusCode = 500
      res.end('failed')
    })
    return createServer(app)
  },
}
