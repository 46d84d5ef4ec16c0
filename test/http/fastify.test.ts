import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import * as http2 from 'node:http2'
import * as https from 'node:https'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { BoundedSemaphore, fifo, type Permit } from '@lineclear/core'
import limitByDefault, { clientSignal, keepPermit, limit, limitPlugin } from '@lineclear/fastify'
import { type FastifyInstance, type FastifyReply, fastify, type LightMyRequestResponse } from 'fastify'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { certificate } from './certificate.ts'
import { Gate, RawClient, turnOfTheLoop, until } from './helpers.ts'

const apps: { close(): unknown }[] = []
const clients: RawClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy()
  for (const app of apps.splice(0)) await app.close()
})

function make(options: object = {}): FastifyInstance {
  const app = fastify({ forceCloseConnections: true, ...options }) as FastifyInstance
  apps.push(app)
  return app
}

/** Starts it on a port of its own. */
async function serve(app: FastifyInstance): Promise<() => RawClient> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
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

const reason = (response: LightMyRequestResponse): [number, unknown] => [
  response.statusCode,
  response.json().reason,
]

describe('limit as a hook', () => {
  it.each(['onRequest', 'preHandler'] as const)('limits one route as its %s', async (name) => {
    const limited = limit({ permits: 1, queue: 0 })
    limited.limiter.tryAcquire()
    const app = make()
    app.get('/report', { [name]: limited }, async () => 'never')
    app.get('/', async () => 'free')
    expect(reason(await app.inject('/report'))).toEqual([503, 'full'])
    expect((await app.inject('/')).body).toBe('free')
  })

  it('stands among other hooks of a route, and counts with those of the instance', async () => {
    const [outer, inner] = [limit({ permits: 2 }), limit({ permits: 1 })]
    const app = make()
    app.addHook('onRequest', outer)
    let held: number[] = []
    const note = async (): Promise<void> => {
      held = [outer.limiter.inUse, inner.limiter.inUse]
    }
    app.get('/', { onRequest: [inner, note] }, async () => 'ok')
    expect((await app.inject('/')).body).toBe('ok')
    expect(held).toEqual([1, 1])
    expect([outer.limiter.inUse, inner.limiter.inUse]).toEqual([0, 0])
  })

  it('is not there for what no hook sees: releaseOn "settled"', () => {
    expect(() => limit({ permits: 1, releaseOn: 'settled' })).toThrow(/^releaseOn "settled"/)
  })

  it('calls no hook and no handler for a client that left while it waited', async () => {
    const { limiter, held } = taken()
    const seen: string[] = []
    const app = make()
    let reply: FastifyReply | undefined
    app.addHook('onRequest', (_request, ours, done) => {
      reply = ours
      done()
    })
    app.addHook('onRequest', limit({ limiter }))
    app.addHook('preHandler', async () => void seen.push('preHandler'))
    app.addHook('onSend', async () => void seen.push('onSend'))
    app.addHook('onError', async () => void seen.push('onError'))
    app.addHook('onResponse', async () => void seen.push('onResponse'))
    app.get('/', async () => seen.push('handler'))
    const client = (await serve(app))().send('/')
    await until(() => limiter.waiting === 1)
    client.leave()
    await until(() => limiter.waiting === 0)
    held.release()
    for (let turn = 0; turn < 5; turn++) await turnOfTheLoop()
    expect(seen).toEqual([])
    // Hijacked: Fastify does not wait for an answer any more, nor time it out.
    expect(reply?.sent).toBe(true)
  })

  it('leaves a request that somebody else has answered to him', async () => {
    const { limiter, held } = taken()
    const app = make({ handlerTimeout: 20 })
    let ran = false
    app.get('/', { onRequest: limit({ limiter }) }, async () => {
      ran = true
    })
    expect((await app.inject('/')).statusCode).toBe(503)
    expect(limiter.waiting).toBe(0)
    held.release()
    await turnOfTheLoop()
    expect([ran, limiter.inUse]).toEqual([false, 0])
  })

  it('leaves upgrades alone', async () => {
    const { limiter } = taken(0)
    const app = make()
    app.addHook('onRequest', limit({ limiter }))
    app.get('/', async () => 'never')
    await serve(app)
    const sockets = new WebSocketServer({ server: app.server })
    const { port } = app.server.address() as AddressInfo
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    await once(socket, 'open')
    expect((await app.inject('/')).statusCode).toBe(503)
    socket.terminate()
    sockets.close()
  })
})

describe('what options throw', () => {
  it("goes to Fastify's error handling as any hook's error", async () => {
    for (const options of [
      { weight: broken },
      { weight: async () => broken() },
      { skip: () => true, weight: broken },
    ]) {
      const app = make()
      const errors: unknown[] = []
      app.addHook('onError', async (_request, _reply, error) => void errors.push(error.message))
      app.get('/', { onRequest: limit({ permits: 1, ...options }) }, async () => 'ok')
      const { statusCode } = await app.inject('/')
      expect([statusCode, errors]).toEqual('skip' in options ? [200, []] : [500, ['broken']])
    }
  })

  it('is a 500 if onRejected throws it, without what a refusal would have said', async () => {
    const { limiter } = taken(0)
    const app = make()
    app.get('/', { onRequest: limit({ limiter, onRejected: broken }) }, async () => 'never')
    const response = await app.inject('/')
    expect(response.json()).toMatchObject({ statusCode: 500, message: 'broken' })
    expect(response.headers).not.toHaveProperty('retry-after')
    expect(response.headers).not.toHaveProperty('ratelimit-policy')
  })

  it('has the status of the error if it has one', async () => {
    const { limiter } = taken(0)
    const app = make()
    const onRejected = (): never => {
      throw Object.assign(new Error('teapot'), { statusCode: 418 })
    }
    app.get('/', { onRequest: limit({ limiter, onRejected }) }, async () => 'never')
    expect((await app.inject('/')).statusCode).toBe(418)
  })
})

describe('onRejected', () => {
  async function refused(
    onRejected: (rejection: unknown, request: unknown, reply: FastifyReply) => unknown,
    setUp: (app: FastifyInstance) => void = () => {},
  ): Promise<LightMyRequestResponse> {
    const warnings: unknown[] = []
    const stream = { write: (line: string) => warnings.push(line) }
    const app = make({ logger: { level: 'warn', stream } })
    setUp(app)
    app.get('/', { onRequest: limit({ limiter: taken(0).limiter, onRejected }) }, async () => 'never')
    const response = await app.inject('/')
    expect(warnings).toEqual([])
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, expect.any(String)])
    return response
  }

  it.each<[string, (reply: FastifyReply) => unknown]>([
    ['sends', (reply) => void reply.send('mine')],
    ['returns the reply it has sent', (reply) => reply.send('mine')],
    ['sends a stream', (reply) => void reply.send(Readable.from(['mi', 'ne']))],
    ['sends later, and returns true', (reply) => setImmediate(() => reply.send('mine')) && true],
    [
      'sends later, and returns the reply',
      (reply) => {
        setImmediate(() => reply.send('mine'))
        return reply
      },
    ],
    [
      'answers on the raw response',
      (reply) => void reply.raw.writeHead(503, { 'retry-after': '1' }).end('mine'),
    ],
  ])('answers if it %s', async (_, answer) => {
    const slow = (app: FastifyInstance): void => {
      app.addHook('onSend', async () => turnOfTheLoop())
    }
    for (const setUp of [undefined, slow]) {
      expect((await refused((_rejection, _request, reply) => answer(reply), setUp)).body).toBe('mine')
    }
  })

  it('is followed by the default if it does not, with the content type of problem details', async () => {
    const response = await refused((_rejection, _request, reply) => void reply.type('text/plain'))
    expect(response.headers['content-type']).toBe('application/problem+json')
    expect(response.headers['content-length']).toBe(`${response.body.length}`)
    expect(response.json().reason).toBe('full')
  })

  it('may take the reply over', async () => {
    const app = make()
    const onRejected = (_: unknown, __: unknown, reply: FastifyReply): void => {
      reply.hijack()
      setImmediate(() => reply.raw.end('mine'))
    }
    app.get('/', { onRequest: limit({ limiter: taken(0).limiter, onRejected }) }, async () => 'never')
    expect((await app.inject('/')).body).toBe('mine')
  })
})

describe('limitPlugin', () => {
  it('limits all routes together, in whatever instance, and what is not found', async () => {
    const app = make()
    app.register(limitPlugin, { permits: 1, queue: 0 })
    const gate = new Gate()
    app.get('/a', () => gate.opened)
    app.register(async (below) => void below.get('/b', async () => 'b'))
    const held = app.inject('/a')
    held.then(() => {})
    await app.ready()
    const [own] = app.limits
    await until(() => own?.limiter.inUse === 1)
    for (const path of ['/a', '/b', '/nowhere']) expect(reason(await app.inject(path))).toEqual([503, 'full'])
    gate.open()
    await held
    expect((await app.inject('/b')).body).toBe('b')
  })

  it("gives a route a limit of its own, asked after the plugin's", async () => {
    const app = make()
    await app.register(limitPlugin, { permits: 2, queue: 1 })
    const gate = new Gate()
    app.get('/report', { config: { limit: { permits: 1, queue: 0 } } }, () => gate.opened)
    app.get('/', () => gate.opened)
    await app.ready()
    const [all, report] = app.limits.map(({ limiter }) => limiter)
    const state = (): unknown[] => [all?.inUse, all?.waiting, report?.inUse, report?.waiting]
    const answers = [app.inject('/report')]
    answers[0]?.then(() => {})
    await until(() => report?.inUse === 1)
    expect(state()).toEqual([1, 0, 1, 0])
    // Refused by the route's limit, it gives back what it has of the plugin's.
    expect(reason(await app.inject('/report'))).toEqual([503, 'full'])
    expect(state()).toEqual([1, 0, 1, 0])
    answers.push(app.inject('/'))
    answers[1]?.then(() => {})
    await until(() => all?.inUse === 2)
    // It waits at the plugin's, and has not asked for the route's, which would refuse it.
    answers.push(app.inject('/report'))
    answers[2]?.then(() => {})
    await until(() => all?.waiting === 1)
    expect(reason(await app.inject('/report'))).toEqual([503, 'full'])
    expect(state()).toEqual([2, 1, 1, 0])
    gate.open()
    expect((await Promise.all(answers)).map(({ statusCode }) => statusCode)).toEqual([200, 200, 200])
    expect(state()).toEqual([0, 0, 0, 0])
  })

  it('exempts a route whose limit is false', async () => {
    const app = make()
    const { limiter } = taken(0)
    await app.register(limitPlugin, { limiter })
    app.get('/health', { config: { limit: false } }, async () => 'healthy')
    app.get('/', async () => 'never')
    expect((await app.inject('/health')).body).toBe('healthy')
    expect((await app.inject('/')).statusCode).toBe(503)
  })

  it('limits only routes that ask for it if it has no limit of its own', async () => {
    const app = make()
    await app.register(limitPlugin)
    const { limiter } = taken(0)
    app.get('/report', { config: { limit: { limiter } } }, async () => 'never')
    app.get('/', async () => 'ok')
    expect((await app.inject('/report')).statusCode).toBe(503)
    expect((await app.inject('/')).body).toBe('ok')
    expect((await app.inject('/nowhere')).statusCode).toBe(404)
    expect(app.limits).toEqual([{ route: 'GET /report', limiter }])
  })

  it('limits routes that were declared before it was loaded', async () => {
    const app = make()
    app.register(async (below) => {
      below.get('/below', { config: { limit: { limiter: taken(0).limiter } } }, async () => 'never')
    })
    app.register(limitPlugin)
    app.get('/report', { config: { limit: { limiter: taken(0).limiter } } }, async () => 'never')
    app.get('/free', { config: { limit: false } }, async () => 'free')
    expect((await app.inject('/report')).statusCode).toBe(503)
    expect((await app.inject('/below')).statusCode).toBe(503)
    expect((await app.inject('/free')).body).toBe('free')
  })

  it('shows every limit', async () => {
    const app = make()
    await app.register(limitPlugin, { permits: 100 })
    const report = { permits: 1, queue: 10 }
    app.get('/report', { config: { limit: report } }, async () => 'a report')
    app.route({ method: ['PUT', 'POST'], url: '/report', config: { limit: report }, handler: async () => '' })
    app.get('/health', { config: { limit: false } }, async () =>
      app.limits.map(({ route, limiter: { limit, inUse, waiting } }) => ({ route, limit, inUse, waiting })),
    )
    app.register(
      async (api) => {
        await api.register(limitPlugin, { permits: 5 })
        api.get('/', { config: { limit: report } }, async () => 'api')
      },
      { prefix: '/api' },
    )
    for (const url of ['/report', '/api', '/api/']) {
      expect((await app.inject({ method: 'HEAD', url })).statusCode).toBe(200)
      expect((await app.inject(url)).statusCode).toBe(200)
    }
    const idle = { inUse: 0, waiting: 0 }
    expect((await app.inject('/health')).json()).toEqual([
      { route: '/*', limit: 100, ...idle },
      { route: 'GET /report', limit: 1, ...idle },
      { route: 'PUT,POST /report', limit: 1, ...idle },
      { route: '/api/*', limit: 5, ...idle },
      { route: 'GET /api', limit: 1, ...idle },
    ])
  })

  it('counts the HEAD that Fastify adds to a route of several methods with it', async () => {
    const app = make()
    await app.register(limitPlugin)
    const gate = new Gate()
    const config = { limit: { permits: 1, queue: 0 } }
    app.route({ method: ['GET', 'POST'], url: '/a', config, handler: () => gate.opened })
    const held = app.inject('/a')
    held.then(() => {})
    await until(() => app.limits[0]?.limiter.inUse === 1)
    expect((await app.inject({ method: 'HEAD', url: '/a' })).statusCode).toBe(503)
    expect(app.limits.map(({ route }) => route)).toEqual(['GET,POST /a'])
    gate.open()
    await held
  })

  it('counts a GET and the HEAD that Fastify adds together, and other routes of the same options apart', async () => {
    const app = make()
    await app.register(limitPlugin)
    const gate = new Gate()
    const config = { limit: { permits: 1, queue: 0 } }
    app.get('/a', { config }, () => gate.opened)
    app.post('/a', { config }, async () => 'ok')
    app.get('/b', { config }, async () => 'ok')
    const held = app.inject('/a')
    held.then(() => {})
    await until(() => app.limits[0]?.limiter.inUse === 1)
    const status = async (method: 'GET' | 'HEAD' | 'POST', url: string): Promise<number> =>
      (await app.inject({ method, url })).statusCode
    expect(await status('HEAD', '/a')).toBe(503)
    expect(await status('POST', '/a')).toBe(200)
    expect(await status('GET', '/b')).toBe(200)
    gate.open()
    await held
  })

  it('asks the outermost instance first and the route last, each once', async () => {
    const asked: string[] = []
    const asks = (name: string): { limiter: BoundedSemaphore; skip: () => boolean } => ({
      limiter: new BoundedSemaphore(1),
      skip: () => {
        asked.push(name)
        return false
      },
    })
    const app = make()
    await app.register(limitPlugin, asks('outer'))
    app.get('/', { config: { limit: asks('route') } }, async () => 'ok')
    await app.register(async (below) => {
      below.get('/early', { config: { limit: asks('early') } }, async () => 'ok')
    })
    await app.register(limitPlugin, asks('second'))
    await app.register(async (below) => {
      await below.register(limitPlugin, asks('inner'))
      below.get('/below', { config: { limit: asks('route below') } }, async () => 'ok')
    })
    const askedOf = async (path: string): Promise<string[]> => {
      expect((await app.inject(path)).body).toBe('ok')
      return asked.splice(0)
    }
    expect(await askedOf('/')).toEqual(['outer', 'second', 'route'])
    expect(await askedOf('/below')).toEqual(['outer', 'second', 'inner', 'route below'])
    expect(await askedOf('/early')).toEqual(['outer', 'second', 'early'])
  })

  it('says what is wrong with options: as it is registered, or as a route is declared', async () => {
    const wrong = make()
    wrong.register(limitPlugin, { permits: 0 })
    await expect(wrong.ready()).rejects.toThrow('permits must be a whole number of at least 1; received 0')
    const prefixed = make()
    prefixed.register(limitPlugin, { permits: 1, prefix: '/api' })
    await expect(prefixed.ready()).rejects.toThrow('limit has no option "prefix"')
    const half = make()
    half.register(limitPlugin, { queue: 5 } as object)
    await expect(half.ready()).rejects.toThrow('limit needs permits or a limiter')
    const app = make()
    await app.register(limitPlugin)
    for (const [limit, message] of [
      [{ permits: 1, queueTimout: 5 }, 'limit has no option "queueTimout"'],
      [true, 'limit must be an object; received true'],
      [null, 'limit must be an object; received null'],
    ] as const) {
      const config = { limit } as object
      expect(() => app.get('/', { config }, async () => 'never')).toThrow(message)
    }
  })

  it('fails requests to a route declared too early to say so before', async () => {
    const app = make()
    app.register(limitPlugin)
    app.get('/', { config: { limit: { permits: -1 } } }, async () => 'never')
    for (let request = 0; request < 2; request++) {
      expect((await app.inject('/')).json()).toMatchObject({
        statusCode: 500,
        message: 'permits must be a whole number of at least 1; received -1',
      })
    }
    expect(app.limits).toEqual([])
  })
})

describe('limitPlugin among plugins', () => {
  it('is for the instance that registers it, and those below, not for others', async () => {
    const app = make()
    const { limiter } = taken(0)
    app.register(async (one) => {
      await one.register(limitPlugin, { limiter })
      one.get('/one', async () => 'never')
      one.register(async (below) => void below.get('/one/below', async () => 'never'))
      expect(one.limits).toHaveLength(1)
    })
    app.register(async (other) => void other.get('/other', async () => 'ok'))
    app.get('/', async () => 'ok')
    const statuses = await Promise.all(['/one', '/one/below', '/other', '/'].map((path) => app.inject(path)))
    expect(statuses.map(({ statusCode }) => statusCode)).toEqual([503, 503, 200, 200])
    expect(app.limits).toBeUndefined()
  })

  it('has a name that others can depend on', async () => {
    const app = make()
    app.register(limitPlugin)
    const depends = Object.assign(async () => {}, {
      [Symbol.for('plugin-meta')]: { dependencies: ['@lineclear/fastify'] },
    })
    app.register(depends)
    await app.ready()
    expect(app.hasPlugin('@lineclear/fastify')).toBe(true)
    expect(app.pluginName).toContain('fastify -> @lineclear/fastify')
    expect(app.printPlugins()).toContain('@lineclear/fastify')
  })

  it('is refused by other majors of Fastify', async () => {
    for (const [version, refused] of [
      ['4.29.1', true],
      ['5.0.0', false],
      ['6.0.0', true],
    ] as const) {
      const app = make()
      Object.defineProperty(app, 'version', { value: version })
      app.register(limitPlugin)
      const error = await app.ready().then(
        () => undefined,
        (error) => error.code,
      )
      expect([version, error]).toEqual([version, refused ? 'FST_ERR_PLUGIN_VERSION_MISMATCH' : undefined])
    }
  })
})

describe('with inject, which has no connection', () => {
  it('lets in, makes wait, refuses, and gives the permits back', async () => {
    const limited = limit({ permits: 1, queue: 1 })
    const gate = new Gate<string>()
    const app = make()
    app.get('/', { onRequest: limited }, () => gate.opened)
    await app.ready()
    const answers = [app.inject('/'), app.inject('/')]
    for (const answer of answers) answer.then(() => {})
    await until(() => limited.limiter.waiting === 1)
    expect(reason(await app.inject('/'))).toEqual([503, 'full'])
    gate.open('ok')
    expect((await Promise.all(answers)).map(({ body }) => body)).toEqual(['ok', 'ok'])
    expect([limited.limiter.inUse, limited.limiter.waiting]).toEqual([0, 0])
  })

  it('gives the permit back after a body that is read as a stream', async () => {
    const limited = limit({ permits: 1 })
    const app = make()
    app.get('/', { onRequest: limited }, async (_request, reply) => reply.send(Readable.from(['a', 'b'])))
    const response = await app.inject({ url: '/', payloadAsStream: true })
    let body = ''
    for await (const chunk of response.stream()) body += chunk
    expect(body).toBe('ab')
    await limited.limiter.drain()
  })
})

describe('on https and HTTP/2', () => {
  it('limits on https', async () => {
    const limited = limit({ permits: 1 })
    const app = make({ https: certificate })
    app.get('/', { onRequest: limited }, async () => `${limited.limiter.inUse}`)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    const request = https.get({ port, host: '127.0.0.1', ca: certificate.cert, agent: false })
    const [response] = (await once(request, 'response')) as [IncomingMessage]
    const [body] = await once(response, 'data')
    expect(String(body)).toBe('1')
    await limited.limiter.drain()
  })

  it('limits on HTTP/2, refuses, and lets a client that waits leave', async () => {
    const app = fastify({ http2: true })
    apps.push(app)
    await app.register(limitPlugin, { permits: 1, queue: 1 })
    const gate = new Gate<string>()
    const entered: string[] = []
    app.get('/:name', (request) => {
      entered.push(request.url)
      return gate.opened
    })
    await app.listen({ port: 0, host: '127.0.0.1' })
    const [own] = app.limits
    const session = http2.connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
    const send = (path: string): http2.ClientHttp2Stream =>
      session.request({ ':path': path }).on('error', () => {})
    const held = send('/held')
    await until(() => own?.limiter.inUse === 1)
    const leaver = send('/leaves').resume()
    await until(() => own?.limiter.waiting === 1)
    const [refused] = await once(send('/refused').resume(), 'response')
    expect(refused).toMatchObject({ ':status': 503, 'content-type': 'application/problem+json' })
    leaver.close()
    await until(() => own?.limiter.waiting === 0)
    gate.open('done')
    const [body] = await once(held, 'data')
    expect(String(body)).toBe('done')
    await until(() => own?.limiter.inUse === 0)
    expect(entered).toEqual(['/held'])
    session.destroy()
  })
})

describe('in a handler', () => {
  it('clientSignal aborts when the client leaves, and keepPermit keeps the permit for work that goes on', async () => {
    const limited = limit({ permits: 1 })
    let signal!: AbortSignal
    let done!: () => void
    const app = make()
    app.get('/', { onRequest: limited }, (_request, reply) => {
      signal = clientSignal(reply)
      done = keepPermit(reply)
      return new Promise(() => {})
    })
    const client = (await serve(app))().send('/')
    await until(() => signal !== undefined)
    client.leave()
    await until(() => signal.aborted)
    expect(limited.limiter.inUse).toBe(1)
    done()
    await limited.limiter.drain()
  })
})

describe('the types', () => {
  it('fit every kind of instance and route', () => {
    expect(limitByDefault).toBe(limit)
    // Types alone: not called.
    void (async () => {
      const secure = fastify({ http2: true, https: certificate })
      secure.addHook('onRequest', limit({ permits: 1 }))
      await secure.register(limitPlugin, { permits: 1 })
      secure.get('/', (_request, reply) => clientSignal(reply).aborted)
      const app = fastify()
      app.addHook('preHandler', limit({ permits: 1 }))
      app.get<{ Params: { id: string } }>(
        '/:id',
        { onRequest: limit({ permits: 1, skip: (request) => request.url === '/' }) },
        async (request, reply) => {
          keepPermit(reply)()
          return request.params.id
        },
      )
      app.register(limitPlugin)
      app.register(limitPlugin, {})
      app.register(limitPlugin, { permits: 1, key: undefined, skip: (request) => request.is404 })
      app.register(limitPlugin, { permits: 1, key: (request) => request.ip, maxKeys: 10 })
      app.register(limitPlugin, { limiter: new BoundedSemaphore(1), key: (request) => request.ip })
      app.get(
        '/typed',
        { config: { limit: { permits: 1, weight: (request) => request.id.length } } },
        async () => '',
      )
      app.get(
        '/each',
        { config: { limit: { permits: 1, key: (request) => request.ip, queue: () => fifo(5) } } },
        async () => '',
      )
      // @ts-expect-error a wrong type
      app.get('/wrong', { config: { limit: { permits: '1' } } }, async () => '')
      // @ts-expect-error neither permits nor a limiter
      app.register(limitPlugin, { queue: 5 })
      // @ts-expect-error true is no limit
      app.get('/true', { config: { limit: true } }, async () => '')
      // @ts-expect-error neither permits nor a limiter
      limit({})
    })
  })
})
