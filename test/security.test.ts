import { createServer, type Server } from 'node:http'
import { BoundedSemaphore, type Limiter } from '@lineclear/core'
import { limit } from '@lineclear/express'
import { limit as koaLimit } from '@lineclear/koa'
import express from 'express'
import Koa from 'koa'
import { afterEach, describe, expect, it } from 'vitest'
import { Gate, listening, RawClient, turnOfTheLoop, until } from './http/helpers.ts'

// What SECURITY.md says that an attacker who controls clients can and cannot do: each claim is a test here.

const servers: Server[] = []
const clients: RawClient[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.socket.destroy()
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
})

async function serve(app: { callback?: () => unknown }): Promise<() => RawClient> {
  const server = createServer((app.callback?.() ?? app) as never)
  servers.push(server)
  const port = await listening(server)
  return () => {
    const client = new RawClient(port)
    clients.push(client)
    return client
  }
}

async function someTurns(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await turnOfTheLoop()
}

describe('slow reading', () => {
  /** `/big` answers more than a socket takes. */
  async function startSlow(options: object) {
    const limiter = new BoundedSemaphore(2)
    const app = express()
    app.use(limit({ limiter, queueTimeout: Infinity, ...options }))
    app.get('/big', (_req, res) => res.end(Buffer.alloc(64 << 20)))
    app.get('/', (_req, res) => res.send('served'))
    const connect = await serve(app as never)
    const attackers = [connect(), connect()]
    for (const attacker of attackers) {
      attacker.socket.pause()
      attacker.send('/big')
    }
    await until(() => limiter.inUse === 2)
    return { limiter, victim: connect().send('/') }
  }

  it('holds its permits for as long as it likes, without maxHold', async () => {
    const { limiter, victim } = await startSlow({})
    await until(() => limiter.waiting === 1)
    await someTurns()
    expect([limiter.inUse, limiter.waiting, victim.received]).toEqual([2, 1, ''])
  })

  it('holds them for maxHold at most', async () => {
    const { limiter, victim } = await startSlow({ maxHold: 100 })
    await victim.receives('served')
    await limiter.drain()
  })

  it("holds none once the headers are sent, with releaseOn 'headers'", async () => {
    const limiter = new BoundedSemaphore(1)
    const app = express().use(limit({ limiter, releaseOn: 'headers' }))
    app.use((req, res) => res.end(req.path === '/big' ? Buffer.alloc(64 << 20) : 'served'))
    const connect = await serve(app as never)
    const attacker = connect()
    attacker.socket.pause()
    attacker.send('/big')
    await connect().send('/').receives('served')
  })
})

describe('connect and leave', () => {
  /** Forty clients in a row that leave once they are served; returns the most handlers that ran at once. */
  async function attack(options: object): Promise<number> {
    const limiter = new BoundedSemaphore(2)
    const gate = new Gate()
    let running = 0
    let most = 0
    let entered = 0
    const app = new Koa()
    app.silent = true
    app.use(koaLimit({ limiter, ...options }))
    app.use(async (ctx) => {
      entered++
      most = Math.max(most, ++running)
      await gate.opened
      running--
      ctx.body = 'done'
    })
    const connect = await serve(app)
    for (let i = 0; i < 40; i++) {
      const before = entered
      const client = connect().send('/')
      await until(() => entered > before || limiter.waiting > 0)
      client.leave()
      await until(() => limiter.waiting === 0)
    }
    gate.open()
    await limiter.drain()
    return most
  }

  it("makes more handlers work than there are permits, with releaseOn 'close'", async () => {
    expect(await attack({})).toBe(40)
  })

  it("makes no more handlers work than there are permits, with releaseOn 'settled'", async () => {
    expect(await attack({ releaseOn: 'settled' })).toBe(2)
  })
})

describe('pipelining', () => {
  it('gives one connection one permit, however many requests it sends', async () => {
    const limiter = new BoundedSemaphore(10)
    const app = express().use(limit({ limiter }))
    app.use((req, res) => void (req.path === '/held' || res.send('served')))
    const connect = await serve(app as never)
    const attacker = connect()
    for (let i = 0; i < 100; i++) attacker.send('/held')
    await until(() => limiter.inUse === 1)
    await someTurns()
    expect([limiter.inUse, limiter.waiting]).toEqual([1, 0])
    await connect().send('/').receives('served')
  })

  it('stops no route by overtaking itself, without any time-out', async () => {
    const limiter = new BoundedSemaphore(1)
    const slow = new Gate()
    const arrived: string[] = []
    const app = express()
    app.use((req, _res, next) => {
      arrived.push(req.path)
      if (req.path === '/first') slow.opened.then(() => next())
      else next()
    })
    app.use(limit({ limiter, queueTimeout: Infinity }))
    app.use((req, res) => void res.send(req.path))
    const connect = await serve(app as never)
    const attacker = connect().send('/first').send('/second')
    await until(() => arrived.length === 2)
    await connect().send('/victim').receives('/victim')
    slow.open()
    await attacker.receives('/second')
    await limiter.drain()
  })
})

describe('key flooding', () => {
  it('leaves nothing of a key in our packages once its request is over', async () => {
    const limiter = new BoundedSemaphore(2)
    const app = express().use(limit({ limiter, key: (req) => req.get('x-key') }))
    app.use((_req, res) => void res.send('served'))
    const connect = await serve(app as never)
    const sockets: object[] = []
    servers[0]?.on('connection', (socket) => sockets.push(socket))
    const client = connect()
    for (let i = 0; i < 300; i++) {
      client.send('/', { headers: [`x-key: ${i}-${'k'.repeat(1000)}`] })
      await until(() => client.received.split('served').length === i + 2)
    }
    const [socket] = sockets as [Record<symbol, { guests: unknown[] }>]
    const own = Object.getOwnPropertySymbols(socket).find(({ description }) =>
      description?.startsWith('lineclear'),
    )
    expect(socket[own as symbol]?.guests).toEqual([])
  })
})

describe('key flooding of permits for each key', () => {
  it('makes no more limiters than maxKeys at once, and leaves nothing of them', async () => {
    const limited = limit({ permits: 1, key: (req) => req.get('x-key'), maxKeys: 20 })
    const gate = new Gate()
    const app = express().use(limited)
    app.use((_req, res) => void gate.opened.then(() => res.send('served')))
    const connect = await serve(app as never)
    const crowd = Array.from({ length: 100 }, (_, i) => connect().send('/', { headers: [`x-key: ${i}`] }))
    await until(() => crowd.filter(({ received }) => received.includes(' 429 ')).length === 80)
    expect([limited.limiter.keys, limited.limiter.inUse]).toEqual([20, 20])
    // Half of those inside leave.
    for (const client of crowd.filter(({ received }) => received === '').slice(10)) client.leave()
    await until(() => limited.limiter.inUse === 10)
    expect(limited.limiter.keys).toBe(10)
    gate.open()
    await limited.limiter.drain()
    expect([limited.limiter.keys, limited.limiter.waiting]).toEqual([0, 0])
    await connect()
      .send('/', { headers: ['x-key: victim'] })
      .receives('served')
  })

  it('keeps out no key that has a permit in use', async () => {
    const limited = limit({ permits: 2, key: (req) => req.get('x-key'), maxKeys: 5 })
    const app = express().use(limited)
    app.use((req, res) => void (req.path === '/held' || res.send('served')))
    const connect = await serve(app as never)
    connect().send('/held', { headers: ['x-key: victim'] })
    await until(() => limited.limiter.keys === 1)
    for (let i = 0; i < 50; i++) connect().send('/held', { headers: [`x-key: ${i}`] })
    await until(() => limited.limiter.keys === 5)
    await connect()
      .send('/', { headers: ['x-key: victim'] })
      .receives('served')
  })
})

describe('forged addresses', () => {
  async function keysOf(trust: boolean): Promise<(string | undefined)[]> {
    const keys: (string | undefined)[] = []
    const limiter: Limiter = new BoundedSemaphore(2)
    const app = express().set('trust proxy', trust)
    const key = (req: express.Request): string | undefined => {
      keys.push(req.ip)
      return req.ip
    }
    app.use(limit({ limiter, key })).use((_req, res) => void res.send('served'))
    const connect = await serve(app as never)
    for (const address of ['203.0.113.1', '203.0.113.2']) {
      await connect()
        .send('/', { headers: [`X-Forwarded-For: ${address}`] })
        .receives('served')
    }
    return keys
  }

  it('make no keys of their own unless the framework is told to trust every proxy', async () => {
    expect(await keysOf(false)).toEqual(['127.0.0.1', '127.0.0.1'])
    expect(await keysOf(true)).toEqual(['203.0.113.1', '203.0.113.2'])
  })
})

describe('header injection', () => {
  it('is not to be had through a key, which no answer repeats', async () => {
    const limiter = new BoundedSemaphore(1, { queue: 0 })
    limiter.tryAcquire()
    const app = express().use(limit({ limiter, key: (req) => decodeURIComponent(req.url.slice(1)) }))
    const connect = await serve(app as never)
    const client = connect().send(`/${encodeURIComponent('x"\r\nSet-Cookie: a=1\r\n\r\n<html>')}`)
    await client.receives('quota-exceeded')
    expect(client.received).toMatch(/^HTTP\/1\.1 429 /)
    expect(client.received).not.toContain('Set-Cookie')
    expect(client.received).not.toContain('<html>')
  })

  it('is not to be had through a weight or a priority, which only count', async () => {
    const limiter = new BoundedSemaphore(5)
    const app = express().set('env', 'test')
    app.use(limit({ limiter, weight: (req) => Number(req.get('x-weight')) }))
    app.use((_req, res) => void res.send('served'))
    const connect = await serve(app as never)
    for (const weight of ['-1', '1e999', 'NaN', '0.5', '1\\r\\n']) {
      const client = connect().send('/', { headers: [`x-weight: ${weight}`] })
      await client.receives('HTTP/1.1')
      expect(limiter.inUse).toBe(0)
    }
  })
})

describe('a crowd', () => {
  it('that fills the queue is refused, and costs the queue no more than its limit', async () => {
    const limiter = new BoundedSemaphore(1, { queue: 5 })
    const held = limiter.tryAcquire()
    const app = express().use(limit({ limiter }))
    app.use((_req, res) => void res.send('served'))
    const connect = await serve(app as never)
    const crowd = Array.from({ length: 50 }, () => connect().send('/'))
    await until(() => crowd.filter(({ received }) => received.includes(' 503 ')).length === 45)
    expect(limiter.waiting).toBe(5)
    // Those who leave free their places at once for those who stay.
    for (const client of crowd) client.leave()
    await until(() => limiter.waiting === 0)
    held?.release()
    await connect().send('/').receives('served')
  })
})
