import { createReadStream } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { ArgumentsHost, CallHandler, ExecutionContext, INestApplication } from '@nestjs/common'
import { concat, finalize, NEVER, type Observable, of } from 'rxjs'
import type { Nest } from '../../frameworks/nest12.ts'
import type { Make } from '../hosts/node.ts'
import { cues } from '../stage/cues.ts'
import type { Stage } from '../stage/stage.ts'
import { bareCues } from './bare.ts'
import { destroyResponse, failing, flood, gated, large } from './sources.ts'

/** What the requests of Express and Fastify have in common here, and their responses. */
interface Request {
  originalUrl: string
  raw?: IncomingMessage
}
interface Response {
  status(code: number): Response
  send(text: string): unknown
  raw?: ServerResponse
  hijack?(): unknown
}

export async function onExpress(nest: Nest, stage: Stage, make: Make): Promise<Server> {
  const adapter = new nest.ExpressAdapter()
  await start(nest, stage, adapter)
  return make(adapter.getInstance())
}

export async function onFastify(nest: Nest, stage: Stage, make: Make): Promise<Server> {
  const adapter = new nest.FastifyAdapter({ serverFactory: (listener: unknown) => make(listener) })
  // Whatever is uploaded, the handler reads it, or not.
  adapter.getInstance().removeAllContentTypeParsers()
  adapter.getInstance().addContentTypeParser('*', (_request, _body, done) => done(null))
  const app = await start(nest, stage, adapter as never)
  await adapter.getInstance().ready()
  return app.getHttpServer()
}

async function start(
  nest: Nest,
  stage: Stage,
  adapter: InstanceType<Nest['ExpressAdapter']>,
): Promise<INestApplication> {
  const module = { module: class {}, controllers: [ordinary(nest, stage), special(nest, stage)] }
  const options = { logger: false, abortOnError: false, bodyParser: false } as const
  const app = await nest.core.NestFactory.create(module, adapter, options)
  app.use((req: IncomingMessage, res: ServerResponse, next: () => void) =>
    bareCues(stage, req.url as string, res, next),
  )
  const urlOf = (context: ExecutionContext): string =>
    context.switchToHttp().getRequest<Request>().originalUrl
  const around = {
    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      if (!urlOf(context).endsWith('?around')) return next.handle()
      return next.handle().pipe(finalize(() => stage.mark('torn down')))
    },
  }
  const entering = {
    intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
      stage.enter(urlOf(context))
      return next.handle()
    },
  }
  app.useGlobalInterceptors(around, nest.lineclear.limit(stage.options), entering)
  await app.init()
  return app
}

/** The raw response, which Nest is to leave alone from now on. */
function taken(response: Response): ServerResponse {
  response.hijack?.()
  return response.raw ?? (response as unknown as ServerResponse)
}

function rawOf(request: Request): IncomingMessage {
  return request.raw ?? (request as unknown as IncomingMessage)
}

const gate = (request: Request): string => cues(request.originalUrl).gate

/** What all targets have. */
function ordinary({ common, lineclear }: Nest, stage: Stage): new () => object {
  const { All, Controller, Get, HttpCode, Req, Res, Sse, StreamableFile } = common

  @Controller()
  class Ordinary {
    @All('json')
    json(): object {
      return { ok: true }
    }

    @All('no-content')
    @HttpCode(204)
    noContent(): void {}

    @All('not-modified')
    @HttpCode(304)
    notModified(): void {}

    @All('throw')
    throw(): void {
      throw new Error('broken handler')
    }

    @All('reject')
    async reject(): Promise<void> {
      throw new Error('broken handler')
    }

    @All('throw-late')
    async throwLate(@Res() response: Response): Promise<void> {
      // Taken, for Nest 11 does not see otherwise that Fastify's raw response has sent a head.
      const raw = taken(response)
      await new Promise((resolve) => raw.write('begun', resolve))
      throw new Error('broken handler')
    }

    @All('never')
    never(): Promise<void> {
      return stage.passed('never')
    }

    @All('hold')
    async hold(@Req() request: Request): Promise<string> {
      await stage.passed(gate(request))
      return 'held'
    }

    @All('stream')
    stream(@Req() request: Request): object {
      return new StreamableFile(gated(stage, gate(request)))
    }

    @Sse('sse')
    sse(): Observable<{ data: string }> {
      return concat(of({ data: 'begun' }), NEVER).pipe(finalize(() => stage.mark('torn down')))
    }

    @All('large')
    large(): object {
      return new StreamableFile(large)
    }

    @All('flood')
    flood(): object {
      return new StreamableFile(flood(stage))
    }

    @All('broken-stream')
    brokenStream(@Req() request: Request): object {
      return new StreamableFile(failing(stage, gate(request)))
    }

    @All('broken-pipe')
    brokenPipe(@Req() request: Request, @Res() response: Response): void {
      failing(stage, gate(request))
        .on('error', () => stage.mark('broken'))
        .pipe(taken(response))
    }

    @All('upload')
    async upload(@Req() request: Request): Promise<string> {
      let length = 0
      for await (const data of rawOf(request)) length += data.length
      return `received ${length}`
    }

    @All('upload-never')
    async uploadNever(@Req() request: Request): Promise<void> {
      await new Promise((resolve) => rawOf(request).resume().on('end', resolve))
      stage.mark('read')
      await stage.passed('never')
    }

    @All('destroy-response')
    destroyResponse(@Res() response: Response): void {
      destroyResponse(taken(response))
    }

    @All('destroy-socket')
    destroySocket(@Req() request: Request, @Res() response: Response): void {
      taken(response)
      rawOf(request).socket.destroy()
    }

    @Get('nested/json')
    @lineclear.Limit(stage.options)
    nested(): object {
      return { ok: true }
    }
  }
  return Ordinary
}

/** What only Nest has. */
function special({ common }: Nest, stage: Stage): new () => object {
  const { Controller, Get, ImATeapotException, ParseIntPipe, Query, Res, StreamableFile } = common
  const { UseFilters, UseGuards } = common

  const filter = {
    async catch(_error: unknown, host: ArgumentsHost): Promise<void> {
      stage.mark('caught')
      await stage.passed('/filtered')
      host.switchToHttp().getResponse<Response>().status(418).send('filtered')
    },
  }

  @Controller()
  class Special {
    @Get('teapot')
    teapot(): void {
      throw new ImATeapotException()
    }

    @Get('filtered')
    @UseFilters(filter)
    filtered(): void {
      throw new Error('broken handler')
    }

    @Get('guarded')
    @UseGuards({ canActivate: () => false })
    guarded(): void {}

    @Get('piped')
    piped(@Query('count', ParseIntPipe) count: number): number {
      return count
    }

    @Get('by-hand')
    byHand(@Res() response: Response): void {
      stage.passed('/by-hand').then(() => response.send('by hand'))
    }

    @Get('file')
    file(): object {
      return new StreamableFile(createReadStream(process.execPath))
    }

    @Get('observable')
    observable(): Observable<never> {
      return NEVER.pipe(finalize(() => stage.mark('torn down')))
    }
  }
  return Special
}
