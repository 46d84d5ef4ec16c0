import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { nodeClientSignal, nodeKeepPermit } from '@lineclear/http'
import type { ExecutionContext, INestApplication, LoggerService, ModuleMetadata } from '@nestjs/common'
import { nest11 } from '../frameworks/nest11/index.ts'
import { type Nest, nest12 } from '../frameworks/nest12.ts'
import type { Adapter, Exchange } from './adapters.ts'

export type Platform = 'Express' | 'Fastify'

/** What both platforms call the response; Fastify's has the raw one within. */
export interface Response {
  status(code: number): Response
  header(name: string, value: string): unknown
  send(text: string | object): unknown
  raw?: ServerResponse
  hijack?(): unknown
  sent?: boolean
}

/** Each major of Nest on each platform. */
export const nests: [name: string, nest: Nest, platform: Platform][] = [
  ['Nest 12 on Express', nest12, 'Express'],
  ['Nest 12 on Fastify', nest12, 'Fastify'],
  ['Nest 11 on Express', nest11, 'Express'],
  ['Nest 11 on Fastify', nest11, 'Fastify'],
]

/** An application that is not initialized yet, and leaves every body to the handler. */
export async function nestApp(
  nest: Nest,
  platform: Platform,
  metadata: ModuleMetadata,
  logger: LoggerService | false = false,
): Promise<INestApplication> {
  const module = { module: class {}, ...metadata }
  const options = { logger, abortOnError: false, bodyParser: false }
  if (platform === 'Express') return nest.core.NestFactory.create(module, new nest.ExpressAdapter(), options)
  const adapter = new nest.FastifyAdapter()
  const app = await nest.core.NestFactory.create(module, adapter as never, options)
  adapter.getInstance().removeAllContentTypeParsers()
  adapter.getInstance().addContentTypeParser('*', (_request, _body, done) => done(null))
  return app
}

/** Its server, ready to listen. */
export async function initialized(app: INestApplication): Promise<Server> {
  await app.init()
  await app.getHttpAdapter().getInstance().ready?.()
  return app.getHttpServer()
}

export function rawOf(response: Response): ServerResponse {
  return response.raw ?? (response as unknown as ServerResponse)
}

function nestAdapter(name: string, nest: Nest, platform: Platform): Adapter {
  const { All, Controller, Req, Res, StreamableFile } = nest.common
  return {
    name,
    // Nest calls each interceptor, and the handler, in a microtask of its own.
    callsOnTheStack: false,
    contextLength: 1,
    seesHandlers: true,
    answersRejections: true,
    endsFailedStreams: true,
    translation: {
      header: (header) => (context) => context.switchToHttp().getRequest().headers[header],
      answer: (text) => (_, context: ExecutionContext) =>
        context.switchToHttp().getResponse<Response>().send(text),
    },
    async create({ limits, before, handle, onError }) {
      @Controller()
      class Everything {
        @All(platform === 'Fastify' ? '*' : ['/', '*path'])
        async serve(
          @Req() request: IncomingMessage & { raw?: IncomingMessage },
          @Res({ passthrough: true }) response: Response,
        ): Promise<unknown> {
          const exchange = exchangeOf(request.raw ?? request, rawOf(response))
          const { status = 200, body, raw } = await handle(exchange)
          if (raw) {
            response.hijack?.()
            return undefined
          }
          response.status(status)
          return body instanceof Readable ? new StreamableFile(body) : body
        }
      }
      const app = await nestApp(nest, platform, { controllers: [Everything] })
      if (before) {
        app.use((req: IncomingMessage, res: ServerResponse, next: () => void) => {
          const passed = before(exchangeOf(req, res))
          if (passed === undefined) next()
          else passed.then(next)
        })
      }
      app.useGlobalInterceptors(...(limits(nest.lineclear.limit, this.translation) as never[]))
      if (onError) {
        const filter = new nest.core.BaseExceptionFilter(app.getHttpAdapter())
        app.useGlobalFilters({
          catch(error, host) {
            onError(error)
            filter.catch(error, host)
          },
        })
      }
      return initialized(app)
    },
  }
}

function exchangeOf(req: IncomingMessage, res: ServerResponse): Exchange {
  return {
    req,
    res,
    url: req.url as string,
    signal: () => nodeClientSignal(req, res),
    keep: () => nodeKeepPermit(req, res),
  }
}

export const nestAdapters: Adapter[] = nests.map((nest) => nestAdapter(...nest))
