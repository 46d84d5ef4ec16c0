import { AsyncLocalStorage } from 'node:async_hooks'
import { EventEmitter, once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import { BoundedSemaphore, type Keyed, type Permit } from '@lineclear/core'
import limitByDefault, {
  clientSignal,
  keepPermit,
  type Limited,
  limit,
  type Rejection,
} from '@lineclear/node'
import connect from 'connect'
import { createMocks } from 'node-mocks-http'
import supertest from 'supertest'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { certificate } from './certificate.ts'
import { Gate, listening, RawClient, turnOfTheLoop, uncaught, until } from './helpers.ts'

const servers: Server[] = []
const clients: RawClient[] = []

afterEach(async () => {
  vi.restoreAllMocks()
  for (const client of clients.splice(0)) client.socket.destroy()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function serve(listener: RequestListener): Promise<() => RawClient> {
  const server = createServer(listener)
  servers.push(server)
  const port = await listening(server)
  return () => {
    const client = new RawClient(port)
    clients.push(client)
    return client
  }
}

/** A limiter of one whose permit is taken. */
function taken(queue = 100): { limiter: BoundedSemaphore; held: Permit } {
  const limiter = new BoundedSemaphore(1, { queue })
  return { limiter, held: limiter.tryAcquire() as Permit }
}

function broken(): never {
  throw new Error('broken')
}

describe('a limited listener', () => {
  it('is called with all that it is called with, on the same stack, and returns what it returns', () => {
    const limited = limit({ permits: 1 })
    const { req, res } = createMocks({}, {})
    const server = {}
    const seen: unknown[] = []
    const listener = limited(function (this: unknown, ...args: [IncomingMessage, ServerResponse, string]) {
      seen.push(this, ...args)
      return 'returned'
    })
    expect(Reflect.apply(listener, server, [req, res, 'more'])).toBe('returned')
    expect(seen).toEqual([server, req, res, 'more'])
    expect(limited.limiter.inUse).toBe(1)
  })

  it('returns a promise of what it returns to a request that had to wait', async () => {
    const { limiter, held } = taken()
    const { req, res } = createMocks({}, {})
    const returned = limit({ limiter })(async () => 'returned')(req, res)
    held.release()
    expect(await returned).toBe('returned')
  })

  it('shares its limit with the other listeners of the same limit', async () => {
    const limited = limit({ permits: 1 })
    const answers = new Map<string, ServerResponse>()
    const answer = (name: string) => limited((_req, res: ServerResponse) => void answers.set(name, res))
    const [a, b] = [await serve(answer('a')), await serve(answer('b'))]
    a().send('/')
    await until(() => answers.has('a'))
    const client = b().send('/')
    await until(() => limited.limiter.waiting === 1)
    answers.get('a')?.end()
    await until(() => answers.has('b'))
    answers.get('b')?.end('done')
    await client.receives('done')
  })

  it('is not called for a client that left while it waited, nor is anything printed', async () => {
    const print = vi.spyOn(console, 'error')
    const { limiter, held } = taken()
    let ran = false
    const connect = await serve(
      limit({ limiter })(() => {
        ran = true
      }),
    )
    const client = connect().send('/')
    await until(() => limiter.waiting === 1)
    client.leave()
    await until(() => limiter.waiting === 0)
    held.release()
    await limiter.drain()
    await turnOfTheLoop()
    expect([ran, print.mock.calls]).toEqual([false, []])
  })
})

describe.each([
  ['at once', false],
  ['after it waited', true],
])("a listener's own error, %s", (_, waits) => {
  async function surfaces(
    event: 'uncaughtException' | 'unhandledRejection',
    listener: () => unknown,
    options: { releaseOn?: 'settled' } = {},
  ): Promise<{ errors: unknown[]; printed: number }> {
    const print = vi.spyOn(console, 'error')
    const { limiter, held } = taken()
    if (!waits) held.release()
    const storage = new AsyncLocalStorage<string>()
    let store: string | undefined
    const limited = limit({ limiter, ...options })((_req: IncomingMessage, _res: ServerResponse) => {
      store = storage.getStore()
      return listener()
    })
    const connect = await serve((req, res) => storage.run('own', () => limited(req, res)))
    const other = event === 'uncaughtException' ? 'unhandledRejection' : 'uncaughtException'
    const elsewhere = await uncaught(other, async () => {
      const errors = await uncaught(event, async (errors) => {
        const client = connect().send('/')
        if (waits) {
          await until(() => limiter.waiting === 1)
          held.release()
        }
        await until(() => errors.length > 0)
        for (let turn = 0; turn < 5; turn++) await turnOfTheLoop()
        // It stays inside until its client leaves, as the response of a listener that threw stays open.
        expect(limiter.inUse).toBe(1)
        client.leave()
        await limiter.drain()
      })
      expect(errors).toMatchObject([{ message: 'broken' }])
    })
    expect(store).toBe('own')
    return { errors: elsewhere, printed: print.mock.calls.length }
  }

  it('is an uncaught exception if it throws', async () => {
    expect(await surfaces('uncaughtException', broken)).toEqual({ errors: [], printed: 0 })
  })

  it('is an unhandled rejection if it rejects', async () => {
    expect(await surfaces('unhandledRejection', async () => broken())).toEqual({ errors: [], printed: 0 })
  })

  it('is the same with releaseOn "settled"', async () => {
    const options = { releaseOn: 'settled' } as const
    await surfaces('uncaughtException', broken, options)
    await surfaces('unhandledRejection', async () => broken(), options)
  })

  it("reaches a server's captureRejections", async () => {
    const { limiter, held } = taken()
    if (!waits) held.release()
    EventEmitter.captureRejections = true
    const server = createServer(limit({ limiter })(async () => broken()))
    EventEmitter.captureRejections = false
    servers.push(server)
    const client = new RawClient(await listening(server)).send('/')
    clients.push(client)
    if (waits) {
      await until(() => limiter.waiting === 1)
      held.release()
    }
    await client.receives('500 Internal Server Error')
  })
})

describe('an error of an option of a limited listener', () => {
  function printed(): ReturnType<typeof vi.spyOn> {
    return vi.spyOn(console, 'error').mockImplementation(() => {})
  }

  it.each<[string, object]>([
    ['throws', { weight: broken }],
    ['rejects', { weight: async () => broken() }],
    ['makes no sense', { weight: () => -1 }],
    ['throws later', { onRejected: broken, weight: () => 2 }],
  ])('is printed and answered with 500 if it %s', async (_, options) => {
    const print = printed()
    const { limiter } = taken(0)
    const server = createServer(limit({ limiter, ...options })(() => broken()))
    const response = await supertest(server).get('/').expect(500, 'Internal Server Error')
    expect(response.headers['content-type']).toBe('text/plain; charset=utf-8')
    expect(response.headers).not.toHaveProperty('retry-after')
    expect(print.mock.calls).toEqual([[expect.any(Error)]])
    expect([limiter.inUse, limiter.waiting]).toEqual([1, 0])
  })

  it('ends the connection if an answer had begun', async () => {
    const print = printed()
    const { limiter } = taken(0)
    const onRejected = (_: Rejection, _req: IncomingMessage, res: ServerResponse): never => {
      res.write('begun')
      return broken()
    }
    const connect = await serve(limit({ limiter, onRejected })(() => broken()))
    const client = connect().send('/')
    await until(() => client.closed)
    expect(client.received).not.toContain('500')
    expect(print).toHaveBeenCalledOnce()
  })

  it('is only printed if the answer was complete, or the client has left', async () => {
    const print = printed()
    const { limiter } = taken(0)
    const gate = new Gate()
    let [waits, left] = [false, false]
    const onRejected = async (_: Rejection, req: IncomingMessage, res: ServerResponse): Promise<void> => {
      if (req.url === '/answered') res.end('answered')
      else {
        res.once('close', () => {
          left = true
        })
        waits = true
        await gate.opened
      }
      broken()
    }
    const connect = await serve(limit({ limiter, onRejected })(() => broken()))
    const stayer = connect().send('/answered')
    await until(() => print.mock.calls.length === 1)
    // Its connection is kept alive.
    stayer.send('/answered')
    await until(() => print.mock.calls.length === 2)
    await until(() => stayer.received.split('answered').length === 3)
    const leaver = connect().send('/leaves')
    await until(() => waits)
    leaver.leave()
    await until(() => left)
    gate.open()
    await until(() => print.mock.calls.length === 3)
    await turnOfTheLoop()
  })
})

describe('releaseOn "settled"', () => {
  it('keeps the permit of a limited listener until it has settled', async () => {
    const limited = limit({ permits: 1, releaseOn: 'settled' })
    const work = new Gate()
    const connect = await serve(
      limited(async (_req, res: ServerResponse) => {
        res.end('answered')
        await work.opened
      }),
    )
    await connect().send('/').receives('answered')
    for (let turn = 0; turn < 5; turn++) await turnOfTheLoop()
    expect(limited.limiter.inUse).toBe(1)
    work.open()
    await limited.limiter.drain()
  })

  it('is refused in Connect, which shows no handler, with an error that says what to do', async () => {
    const limited = limit({ permits: 1, releaseOn: 'settled' })
    const app = connect()
    let ran = false
    app.use(limited)
    app.use((_req, res) => {
      ran = true
      res.end()
    })
    const errors: unknown[] = []
    app.use((error: unknown, _req: IncomingMessage, res: ServerResponse, _next: unknown) => {
      errors.push(error)
      res.end()
    })
    await supertest(app).get('/')
    expect(String(errors[0])).toMatch(
      /^TypeError: releaseOn "settled" needs to see the handler.*limited\(handler\)/,
    )
    expect([ran, errors.length, limited.limiter.inUse]).toEqual([false, 1, 0])
  })

  it('works in Connect where the handler itself is limited, which may call next', async () => {
    const limited = limit({ permits: 1, releaseOn: 'settled' })
    const app = connect()
    app.use(limited((_req: IncomingMessage, _res: ServerResponse, next: () => void) => next()))
    app.use((_req, res) => res.end(`${limited.limiter.inUse}`))
    await supertest(app).get('/').expect(200, '1')
    await limited.limiter.drain()
  })
})

describe('onRejected', () => {
  it('may answer from a callback if it returns true', async () => {
    const { limiter } = taken(0)
    const onRejected = (_: Rejection, _req: IncomingMessage, res: ServerResponse): true => {
      setImmediate(() => res.end('later'))
      return true
    }
    await supertest(createServer(limit({ limiter, onRejected })(broken)))
      .get('/')
      .expect(503, 'later')
  })
})

describe('a limit called neither with a listener nor with next', () => {
  it('says how to use it', () => {
    const limited = limit({ permits: 1 }) as (...args: unknown[]) => unknown
    const { req, res } = createMocks({}, {})
    for (const args of [[req, res], [], [{}, {}, {}]]) {
      expect(() => limited(...args)).toThrow(
        /^limit\(\) makes .*createServer\(limited\(listener\)\).*app\.use\(limited\)/,
      )
      expect(() => limited(...args)).toThrow(TypeError)
      expect(() => limited(...args)).toThrow(`received ${args.length} arguments`)
    }
  })
})

describe('limit as middleware of Connect', () => {
  it('limits the path it is mounted at, with its own limiter', async () => {
    const limited = limit({ permits: 1, queue: 0 })
    limited.limiter.tryAcquire()
    const app = connect()
    app.use('/report', limited)
    app.use((_req, res) => res.end('ok'))
    await supertest(app).get('/').expect(200)
    await supertest(app).get('/report').expect(503)
  })

  it('does not call next for a response that is over by then', async () => {
    const { limiter, held } = taken()
    const { req, res } = createMocks({}, { eventEmitter: EventEmitter })
    const next = vi.fn()
    limit({ limiter })(req, res, next)
    expect(limiter.waiting).toBe(1)
    res.end()
    held.release()
    await turnOfTheLoop()
    expect(next).not.toHaveBeenCalled()
  })

  it('hands what an option throws at once to next, whoever calls', () => {
    const { req, res } = createMocks({}, {})
    const errors: unknown[] = []
    limit({ permits: 1, skip: broken })(req, res, (error) => errors.push(error))
    expect(errors).toMatchObject([{ message: 'broken' }])
  })
})

describe('in a listener', () => {
  it('clientSignal aborts when the client leaves, and keepPermit keeps the permit for work that goes on', async () => {
    const limited = limit({ permits: 1 })
    let done!: () => void
    let signal!: AbortSignal
    const connect = await serve(
      limited((req: IncomingMessage, res: ServerResponse) => {
        signal = clientSignal(req, res)
        done = keepPermit(req, res)
      }),
    )
    const client = connect().send('/')
    await until(() => signal !== undefined)
    expect(signal.aborted).toBe(false)
    client.leave()
    await until(() => signal.aborted)
    expect(limited.limiter.inUse).toBe(1)
    done()
    await limited.limiter.drain()
  })
})

describe('on https', () => {
  it('limits', async () => {
    const { limiter, held } = taken()
    const server = https.createServer(
      certificate,
      limit({ limiter })((req, res) => {
        res.end(`${(req as { socket: { encrypted?: boolean } }).socket.encrypted} ${limiter.inUse}`)
      }),
    )
    servers.push(server)
    const port = await listening(server)
    const answer = new Gate<string>()
    https.get({ port, host: '127.0.0.1', ca: certificate.cert }, (response) => {
      response.on('data', (data) => answer.open(String(data)))
    })
    await until(() => limiter.waiting === 1)
    held.release()
    expect(await answer.opened).toBe('true 1')
    await limiter.drain()
  })
})

describe.each([
  ['HTTP/2', false],
  ['HTTP/2 with TLS', true],
])('on %s', (_, secure) => {
  let server: http2.Http2Server
  let session: http2.ClientHttp2Session

  afterEach(async () => {
    session.destroy()
    await new Promise((resolve) => server.close(resolve))
  })

  async function start(
    listener: (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => unknown,
  ): Promise<(path: string) => http2.ClientHttp2Stream> {
    server = secure ? http2.createSecureServer(certificate, listener) : http2.createServer(listener)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    session = http2.connect(`${secure ? 'https' : 'http'}://127.0.0.1:${port}`, { ca: certificate.cert })
    return (path) => session.request({ ':path': path }).on('error', () => {})
  }

  async function answerTo(
    request: http2.ClientHttp2Stream,
  ): Promise<[headers: Record<string, unknown>, body: string]> {
    let body = ''
    request.on('data', (data) => {
      body += data
    })
    const [[headers]] = await Promise.all([once(request, 'response'), once(request, 'end')])
    return [headers, body]
  }

  it('lets in, makes wait, and gives the permit back', async () => {
    const limited = limit({ permits: 1, skip: (req: http2.Http2ServerRequest) => req.stream.id === -1 })
    const responses = new Map<string, http2.Http2ServerResponse>()
    const request = await start(
      limited(
        (req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => void responses.set(req.url, res),
      ),
    )
    const one = answerTo(request('/1'))
    await until(() => responses.size === 1)
    const two = answerTo(request('/2'))
    await until(() => limited.limiter.waiting === 1)
    responses.get('/1')?.end('one')
    expect((await one)[1]).toBe('one')
    await until(() => responses.size === 2)
    responses.get('/2')?.end('two')
    expect((await two)[1]).toBe('two')
    await limited.limiter.drain()
  })

  it('refuses', async () => {
    const { limiter } = taken(0)
    const request = await start(limit({ limiter })(broken))
    const [headers, body] = await answerTo(request('/'))
    expect(headers).toMatchObject({ ':status': 503, 'content-type': 'application/problem+json' })
    expect(JSON.parse(body).reason).toBe('full')
  })

  it('answers 500 for an option that throws, and ends a stream that had begun', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { limiter } = taken(0)
    const onRejected = (
      _: Rejection,
      req: http2.Http2ServerRequest,
      res: http2.Http2ServerResponse,
    ): never => {
      if (req.url === '/begun') res.write('begun')
      return broken()
    }
    const request = await start(limit({ limiter, onRejected })(broken))
    const [headers, body] = await answerTo(request('/'))
    expect([headers[':status'], body]).toEqual([500, 'Internal Server Error'])
    const begun = request('/begun')
    begun.resume()
    await once(begun, 'close')
    expect(begun.rstCode).toBe(http2.constants.NGHTTP2_CANCEL)
    expect(print).toHaveBeenCalledTimes(2)
  })

  it('survives a client that leaves before its refusal is made', async () => {
    const print = vi.spyOn(console, 'error').mockImplementation(() => {})
    const { limiter } = taken(0)
    const made = new Gate()
    const asked: http2.Http2ServerResponse[] = []
    const onRejected = async (
      _: Rejection,
      req: http2.Http2ServerRequest,
      res: http2.Http2ServerResponse,
    ): Promise<void> => {
      asked.push(res)
      await made.opened
      if (req.url === '/fails') broken()
    }
    const request = await start(limit({ limiter, onRejected })(broken))
    for (const path of ['/', '/fails']) {
      const leaver = request(path)
      await until(() => asked.length === (path === '/' ? 1 : 2))
      const closed = once(asked.at(-1)?.stream as http2.ServerHttp2Stream, 'close')
      leaver.close(http2.constants.NGHTTP2_CANCEL)
      await closed
    }
    made.open()
    await until(() => print.mock.calls.length > 0)
    for (let turn = 0; turn < 5; turn++) await turnOfTheLoop()
    expect(print.mock.calls).toEqual([[expect.objectContaining({ message: 'broken' })]])
  })
})

describe('the types of limit', () => {
  it('are those of whatever is wrapped', () => {
    const own: Limited<BoundedSemaphore> = limitByDefault({ permits: 1, queue: 5, key: undefined })
    expect(own.limiter.limit).toBe(1)
    // Types alone: none of these is called.
    void (() => {
      createServer(own((req, res) => res.end(`${req.url}`)))
      createServer(own(() => {}))
      createServer(own(async (req) => req.url))
      https.createServer(
        {},
        own((req, res) => res.end(`${req.url}`)),
      )
      http2.createServer(
        own((req: http2.Http2ServerRequest, res: http2.Http2ServerResponse) => res.end(`${req.stream.id}`)),
      )
      connect()
        .use(own)
        .use('/path', own)
        .use(
          '/path',
          own((_req, res) => res.end()),
        )
      limit({ permits: 1, skip: (req, res) => req.method === 'HEAD' || res.headersSent })
      const each: Limited<Keyed<BoundedSemaphore>> = limit({ permits: 1, key: (req) => req.headers.host })
      limit({
        permits: each.limiter.keys,
        key: async (req: http2.Http2ServerRequest) => req.authority,
        queue: 5,
      })
      limit({ permits: 1, skip: (req: http2.Http2ServerRequest) => req.stream.closed })
      // @ts-expect-error neither wrapped nor with next
      createServer(own)
      // @ts-expect-error an unknown option
      limit({ permits: 1, queueTimout: 5 })
      // @ts-expect-error neither permits nor a limiter
      limit({})
    })
  })
})
