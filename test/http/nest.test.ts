import type { IncomingMessage, Server } from 'node:http'
import { BoundedSemaphore, type Permit } from '@lineclear/core'
import type {
  ArgumentsHost,
  CallHandler,
  ExecutionContext,
  INestApplication,
  ModuleMetadata,
  NestInterceptor,
  Type,
} from '@nestjs/common'
import { finalize, interval, map, NEVER, Observable, of, tap } from 'rxjs'
import supertest from 'supertest'
import { afterEach, describe, expect, it } from 'vitest'
import { Gate, listening, RawClient, turnOfTheLoop, until } from './helpers.ts'
import { initialized, nestApp, nests, type Response, rawOf } from './nest-adapters.ts'

// What the contract of all adapters does not say.

describe.each(nests)('%s', (_name, nest, platform) => {
  const { Controller, Get, Header, HttpException, Res, Sse, UseInterceptors } = nest.common
  const { ClientSignal, clientSignal, keepPermit, Limit, LimitExceededException, limit } = nest.lineclear

  const servers: Server[] = []
  const clients: RawClient[] = []
  const logged: unknown[] = []

  afterEach(async () => {
    logged.length = 0
    for (const client of clients.splice(0)) client.socket.destroy()
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
  })

  const logger = {
    log: () => {},
    warn: (...message: unknown[]) => void logged.push(message),
    error: (...message: unknown[]) => void logged.push(message),
  }

  async function start(
    controller: Type,
    setUp: (app: INestApplication) => void = () => {},
    providers: ModuleMetadata['providers'] = [],
  ): Promise<{ server: Server; connect: () => RawClient }> {
    const app = await nestApp(nest, platform, { controllers: [controller], providers }, logger)
    setUp(app)
    const server = await initialized(app)
    const port = await listening(server)
    servers.push(server)
    const connect = (): RawClient => {
      const client = new RawClient(port)
      clients.push(client)
      return client
    }
    return { server, connect }
  }

  /** A limiter that refuses everybody. */
  function refusing(): BoundedSemaphore {
    const limiter = new BoundedSemaphore(1, { queue: 0 })
    limiter.tryAcquire()
    return limiter
  }

  const get = (server: Server, path = '/'): supertest.Test =>
    supertest(server)
      .get(path)
      .buffer(true)
      .parse(text as never)

  const responseOf = (host: ArgumentsHost): Response => host.switchToHttp().getResponse<Response>()

  describe('@Limit', () => {
    it('on a class is one limit for all its routes', async () => {
      const limiter = new BoundedSemaphore(5)
      const held: number[] = []
      @Controller()
      @Limit({ limiter })
      class Site {
        @Get('a')
        a(): string {
          held.push(limiter.inUse)
          return 'a'
        }

        @Get('b')
        b(): string {
          held.push(limiter.inUse)
          return 'b'
        }
      }
      const { server } = await start(Site)
      await get(server, '/a').expect(200)
      await limiter.drain()
      await get(server, '/b').expect(200)
      await limiter.drain()
      expect(held).toEqual([1, 1])
    })

    it('on a method is a limit for that route alone', async () => {
      @Controller()
      class Site {
        @Get('limited')
        @Limit({ limiter: refusing() })
        limited(): string {
          return 'never'
        }

        @Get('free')
        free(): string {
          return 'free'
        }
      }
      const { server } = await start(Site)
      await get(server, '/limited').expect(503)
      expect((await get(server, '/free').expect(200)).body).toBe('free')
    })

    it('takes an interceptor too, which several routes share', async () => {
      const database = limit({ permits: 1, queue: 0 })
      const gate = new Gate()
      @Controller()
      class Site {
        @Get('users')
        @Limit(database)
        async users(): Promise<string> {
          await gate.opened
          return 'users'
        }

        @Get('orders')
        @UseInterceptors(database)
        orders(): string {
          return 'orders'
        }
      }
      const { server, connect } = await start(Site)
      const inside = connect().send('/users')
      await until(() => database.limiter.inUse === 1)
      await get(server, '/orders').expect(503)
      gate.open()
      await inside.receives('users')
      await database.limiter.drain()
      await get(server, '/orders').expect(200)
    })

    it('stands behind a limit for the whole application, given as a provider', async () => {
      const [all, route] = [new BoundedSemaphore(3), new BoundedSemaphore(2)]
      const held: number[] = []
      @Controller()
      class Site {
        @Get()
        @Limit({ limiter: route })
        get(): string {
          held.push(all.inUse, route.inUse)
          return 'ok'
        }
      }
      const provider = { provide: nest.core.APP_INTERCEPTOR, useValue: limit({ limiter: all }) }
      const { server } = await start(Site, undefined, [provider])
      await get(server).expect(200)
      await Promise.all([all.drain(), route.drain()])
      expect(held).toEqual([1, 1])
    })

    it('tells of bad options where it stands', () => {
      expect(() => Limit({ permits: 0 })).toThrow('permits must be')
    })
  })

  describe('a free permit', () => {
    const host = (): ExecutionContext => {
      const socket = { destroyed: false }
      const request = { socket }
      const response = { socket, on: () => {}, destroyed: false, writableEnded: false }
      return contextOf('http', request, response)
    }

    it("costs no promise and no wrapper: what comes is the handler's own Observable", () => {
      const answer = of('answer')
      const limited = limit({ permits: 1 })
      expect(limited.intercept(host(), { handle: () => answer })).toBe(answer)
      expect(limited.limiter.inUse).toBe(1)
    })
  })

  describe('other contexts than HTTP', () => {
    it.each(['rpc', 'ws', 'graphql'])('%s passes without a permit', (type) => {
      const answer = of('answer')
      const limited = limit({ limiter: refusing() })
      const context = contextOf(type, {}, {})
      expect(limited.intercept(context, { handle: () => answer })).toBe(answer)
      expect(() => clientSignal(context)).toThrow(`received "${type}"`)
      expect(() => keepPermit(context)).toThrow(`received "${type}"`)
    })
  })

  describe('a refusal', () => {
    it('is an exception that filters see, and may answer', async () => {
      const seen: InstanceType<typeof LimitExceededException>[] = []
      const limited = limit({ limiter: refusing(), retryAfter: 30 })
      @Controller()
      class Site {
        @Get()
        @Limit(limited)
        get(): string {
          return 'never'
        }
      }
      @nest.common.Catch(LimitExceededException)
      class Filter {
        catch(exception: InstanceType<typeof LimitExceededException>, host: ArgumentsHost): void {
          seen.push(exception)
          const body = { ...(exception.getResponse() as object), mine: true }
          responseOf(host).status(exception.getStatus()).send(body)
        }
      }
      const { server } = await start(Site, (app) => app.useGlobalFilters(new Filter()))
      const response = await get(server).expect(503)
      expect(Number(response.headers['retry-after'])).toBeGreaterThanOrEqual(30)
      expect(response.headers['ratelimit-policy']).toBe('"concurrency";q=1;qu="concurrent-requests"')
      expect(response.headers['content-type']).toMatch(/^application\/json/)
      const [exception] = seen
      expect(exception).toBeInstanceOf(HttpException)
      expect(exception?.rejection.reason).toBe('full')
      expect(exception?.message).toBe('All permits are in use and the queue is full.')
      expect(exception?.stack).not.toContain('\n')
      expect(JSON.parse(response.body)).toEqual({
        ...JSON.parse(PROBLEM),
        mine: true,
      })
    })

    it('is problem details to the byte, also where the route says that it answers something else', async () => {
      @Controller()
      class Site {
        @Get()
        @Header('content-type', 'text/csv')
        @Limit({ limiter: refusing() })
        get(): string {
          return 'never'
        }
      }
      const { server } = await start(Site)
      const response = await get(server).expect(503)
      expect(response.headers['content-type']).toBe('application/problem+json')
      expect(response.body).toBe(PROBLEM)
      expect(response.headers['content-length']).toBe(`${PROBLEM.length}`)
      expect(logged).toEqual([])
    })

    async function refusedBy(
      onRejected: (rejection: unknown, context: ExecutionContext) => unknown,
    ): Promise<supertest.Response> {
      @Controller()
      class Site {
        @Get()
        @Limit({ limiter: refusing(), onRejected })
        get(): string {
          return 'never'
        }
      }
      const { server } = await start(Site)
      return get(server)
    }

    it('may be answered later, if onRejected returns true or the response', async () => {
      for (const returned of [() => true, (response: Response) => response]) {
        const response = await refusedBy((_, context) => {
          const response = responseOf(context)
          turns(10).then(() => response.send('later'))
          return returned(response)
        })
        expect([response.status, response.body]).toEqual([503, 'later'])
        expect(response.headers['retry-after']).toBeDefined()
        expect(logged).toEqual([])
      }
    })

    it.runIf(platform === 'Express')('may be a template, which Express renders in a later turn', async () => {
      @Controller()
      class Site {
        @Get()
        @Limit({
          limiter: refusing(),
          onRejected: (_, context) => {
            context.switchToHttp().getResponse().render('busy')
          },
        })
        get(): string {
          return 'never'
        }
      }
      const { server } = await start(Site, (app) => {
        const express = app.getHttpAdapter().getInstance()
        express.engine('txt', (_path: string, _options: object, done: Done) => done(null, 'busy'))
        express.set('views', import.meta.dirname)
        express.set('view engine', 'txt')
      })
      const response = await get(server).expect(503)
      expect(response.body).toBe('busy')
      expect(response.headers['retry-after']).toBeDefined()
      expect(logged).toEqual([])
    })

    it('may be answered by an exception of onRejected', async () => {
      const response = await refusedBy(() => {
        throw new HttpException('busy', 529)
      })
      expect(response.status).toBe(529)
      expect(JSON.parse(response.body)).toEqual({ statusCode: 529, message: 'busy' })
      expect(response.headers['retry-after']).toBeDefined()
    })

    it('is the default, whatever an onRejected returns that only counts', async () => {
      for (const returned of [1, false, 'text', { some: 'object' }]) {
        const response = await refusedBy(() => returned)
        expect(JSON.parse(response.body).reason).toBe('full')
      }
    })

    it('of an event stream is one too, if it need not wait', async () => {
      @Controller()
      class Site {
        @Sse()
        @Limit({ limiter: refusing() })
        events(): Observable<object> {
          return NEVER
        }
      }
      const { server } = await start(Site)
      const response = await get(server).expect(503)
      expect(response.headers['content-type']).toBe('application/problem+json')
      expect(JSON.parse(response.body).reason).toBe('full')
    })

    it('of an event stream that waited is an event, since Nest has sent its headers by then', async () => {
      const limiter = new BoundedSemaphore(1)
      limiter.tryAcquire()
      @Controller()
      class Site {
        @Sse()
        @Limit({ limiter, queueTimeout: 50 })
        events(): Observable<object> {
          return NEVER
        }
      }
      const { server } = await start(Site)
      const response = await get(server).expect(200)
      expect(response.body).toContain('event: error')
      expect(response.body).toContain('data: No permit became free in time.')
    })
  })

  describe('the permit comes back', () => {
    it('when a response taken with @Res() is answered, and not when its handler returns', async () => {
      const limited = limit({ permits: 1 })
      // In an array, since Fastify's reply is a promise.
      const taken = new Gate<[Response]>()
      @Controller()
      class Site {
        @Get()
        @Limit(limited)
        get(@Res() response: Response): void {
          taken.open([response])
        }
      }
      const { connect } = await start(Site)
      const client = connect().send('/')
      const [response] = await taken.opened
      await turns(10)
      expect(limited.limiter.inUse).toBe(1)
      response.send('by hand')
      await client.receives('by hand')
      await limited.limiter.drain()
    })

    it('when the client of an event stream leaves', async () => {
      const limited = limit({ permits: 1 })
      let stopped = false
      @Controller()
      class Site {
        @Sse()
        @Limit(limited)
        events(): Observable<object> {
          return interval(5).pipe(
            map((count) => ({ data: { count } })),
            finalize(() => {
              stopped = true
            }),
          )
        }
      }
      const { connect } = await start(Site)
      const client = connect().send('/')
      await client.receives('"count":1')
      expect(limited.limiter.inUse).toBe(1)
      client.leave()
      await limited.limiter.drain()
      await until(() => stopped)
    })

    it("'settled': when the handler has settled as well, though its client has left", async () => {
      const limited = limit({ permits: 2, releaseOn: 'settled' })
      const { limiter } = limited
      const gates = { ends: new Gate<string>(), fails: new Gate<string>() }
      @Controller()
      @Limit(limited)
      class Site {
        @Get('ends')
        ends(): Promise<string> {
          return gates.ends.opened
        }

        @Get('fails')
        fails(): Promise<string> {
          return gates.fails.opened
        }
      }
      const { connect, server } = await start(Site)
      const closed = connections(server)
      const [one, other] = [connect().send('/ends'), connect().send('/fails')]
      await until(() => limiter.inUse === 2)
      one.leave()
      other.leave()
      await until(() => closed() === 2)
      await turns(10)
      expect(limiter.inUse).toBe(2)
      gates.ends.open('too late')
      await until(() => limiter.inUse === 1)
      gates.fails.fail(new HttpException('too late', 500))
      await limiter.drain()
    })

    it("'settled': when a handler's Observable was given up", async () => {
      const limited = limit({ permits: 1, releaseOn: 'settled' })
      @Controller()
      class Site {
        @Get()
        @Limit(limited)
        get(): Observable<string> {
          return NEVER
        }
      }
      const { connect } = await start(Site)
      const client = connect().send('/')
      await until(() => limited.limiter.inUse === 1)
      await turnOfTheLoop()
      client.leave()
      await limited.limiter.drain()
    })

    it("'settled': though an interceptor around gave up waiting before the handler ran", async () => {
      const limited = limit({ permits: 1, releaseOn: 'settled' })
      const held = limited.limiter.tryAcquire() as Permit
      const givenUp = new Gate()
      let ran = false
      const impatient: NestInterceptor = {
        intercept: (_context: ExecutionContext, next: CallHandler) =>
          new Observable((subscriber) => {
            const inner = next.handle().subscribe()
            givenUp.opened.then(() => {
              inner.unsubscribe()
              held.release()
              turns(10).then(() => subscriber.error(new HttpException('gave up', 504)))
            })
          }),
      }
      @Controller()
      @UseInterceptors(impatient, limited)
      class Site {
        @Get()
        get(): string {
          ran = true
          return 'never'
        }
      }
      const { connect } = await start(Site)
      const client = connect().send('/')
      await until(() => limited.limiter.waiting === 1)
      givenUp.open()
      await client.receives('504')
      await limited.limiter.drain()
      expect(ran).toBe(false)
    })
  })

  describe('a request that is gone while it waits', () => {
    it.each(['its client left', 'somebody else answered it'])(
      'disturbs no filter, logs nothing, and ends the interceptors around it, when %s',
      async (how) => {
        const limited = limit({ permits: 1 })
        const held = limited.limiter.tryAcquire() as Permit
        const told: string[] = []
        const around: NestInterceptor = {
          intercept: (_context: ExecutionContext, next: CallHandler) =>
            next.handle().pipe(
              tap({
                next: () => told.push('value'),
                error: () => told.push('error'),
                complete: () => told.push('complete'),
              }),
              finalize(() => told.push('finalized')),
            ),
        }
        const arrived = new Gate<[Response]>()
        const arrives: NestInterceptor = {
          intercept: (context: ExecutionContext, next: CallHandler) => {
            arrived.open([responseOf(context)])
            return next.handle()
          },
        }
        @Controller()
        @UseInterceptors(arrives, around, limited)
        class Site {
          @Get()
          get(): string {
            told.push('handler')
            return 'never'
          }
        }
        const { connect } = await start(Site, (app) =>
          app.useGlobalFilters({ catch: () => void told.push('filter') }),
        )
        const client = connect().send('/')
        await until(() => limited.limiter.waiting === 1)
        const [response] = await arrived.opened
        if (how === 'its client left') {
          client.leave()
        } else {
          const raw = rawOf(response)
          raw.statusCode = 504
          raw.end('gave up')
          await client.receives('gave up')
        }
        await until(() => limited.limiter.waiting === 0)
        held.release()
        await until(() => told.length > 0)
        await turns(10)
        expect(told).toEqual(['finalized'])
        expect(logged).toEqual([])
        // Or Fastify's own time limit for handlers would answer it.
        if (platform === 'Fastify') expect(response.sent).toBe(true)
        await limited.limiter.drain()
      },
    )

    it('is not heard of again where it was an event stream', async () => {
      const limited = limit({ permits: 1 })
      const held = limited.limiter.tryAcquire() as Permit
      let ran = false
      @Controller()
      class Site {
        @Sse()
        @Limit(limited)
        events(): Observable<object> {
          ran = true
          return NEVER
        }
      }
      const { connect } = await start(Site)
      const client = connect().send('/')
      await until(() => limited.limiter.waiting === 1)
      client.leave()
      await until(() => limited.limiter.waiting === 0)
      held.release()
      await limited.limiter.drain()
      await turns(10)
      expect(ran).toBe(false)
      expect(logged).toEqual([])
    })
  })

  describe('for handlers', () => {
    it('@ClientSignal() aborts when the client leaves, with and without a limit', async () => {
      const signals: AbortSignal[] = []
      @Controller()
      class Site {
        @Get('limited')
        @Limit({ permits: 1 })
        limited(@ClientSignal() signal: AbortSignal): Observable<string> {
          signals.push(signal)
          return NEVER
        }

        @Get('free')
        free(@ClientSignal() signal: AbortSignal): Observable<string> {
          signals.push(signal)
          return NEVER
        }
      }
      const { connect } = await start(Site)
      for (const path of ['/limited', '/free']) {
        const client = connect().send(path)
        await until(() => signals.length === 1)
        const [signal] = signals.splice(0)
        expect(signal?.aborted).toBe(false)
        client.leave()
        await until(() => signal?.aborted === true)
        expect(signal?.reason).toMatchObject({ message: 'The client left' })
      }
    })

    it('clientSignal() is the same signal, and keepPermit() keeps the permit beyond the response', async () => {
      const limited = limit({ permits: 1 })
      const signals: AbortSignal[] = []
      let release: (() => void) | undefined
      const keeper: NestInterceptor = {
        intercept: (context: ExecutionContext, next: CallHandler) => {
          signals.push(clientSignal(context))
          release = keepPermit(context)
          return next.handle()
        },
      }
      @Controller()
      @UseInterceptors(limited, keeper)
      class Site {
        @Get()
        get(@ClientSignal() signal: AbortSignal): string {
          signals.push(signal)
          return 'ok'
        }
      }
      const { server } = await start(Site)
      await get(server).expect(200)
      await turns(10)
      expect(signals[1]).toBe(signals[0])
      expect(limited.limiter.inUse).toBe(1)
      release?.()
      await limited.limiter.drain()
    })
  })
})

const PROBLEM = JSON.stringify({
  type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
  title: 'Request cannot be satisfied due to temporary server capacity constraints',
  status: 503,
  detail: 'All permits are in use and the queue is full.',
  reason: 'full',
})

function contextOf(type: string, request: object, response: object): ExecutionContext {
  const http = { getRequest: () => request, getResponse: () => response }
  return { getType: () => type, switchToHttp: () => http } as unknown as ExecutionContext
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await turnOfTheLoop()
}

/** How many connections have closed since. */
function connections(server: Server): () => number {
  let closed = 0
  server.on('connection', (socket) => socket.on('close', () => closed++))
  return () => closed
}

type Done = (error: unknown, text: string) => void

function text(response: IncomingMessage, done: Done): void {
  let received = ''
  response.on('data', (data) => {
    received += data
  })
  response.on('end', () => done(null, received))
}
