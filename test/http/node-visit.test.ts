import { EventEmitter, once } from 'node:events'
import { createServer, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BoundedSemaphore, type Limiter } from '@lineclear/core'
import { limit } from '@lineclear/express'
import { limit as honoLimit } from '@lineclear/hono'
import { Admission, NodeVisit, nodeClientSignal, WebVisit } from '@lineclear/http'
import { Hono } from 'hono'
import { createMocks } from 'node-mocks-http'
import { describe, expect, it, vi } from 'vitest'
import { Gate, listening, RawClient, turnOfTheLoop, uncaught, until } from './helpers.ts'

/** A request and a response as unit tests fake them: `end()` emits finish at once, and nothing emits close. */
function fakes() {
  return createMocks({}, { eventEmitter: EventEmitter })
}

const complaining: Limiter = {
  tryAcquire: () => ({
    release() {
      throw new Error('released too often')
    },
    [Symbol.dispose]() {},
  }),
  acquire: () => Promise.reject(new Error('not needed')),
}

describe('a visit to a fake response', () => {
  it('ends when the response finishes', () => {
    const { limiter, ...rest } = { limiter: new BoundedSemaphore(1), ...fakes() }
    const middleware = limit({ limiter })
    middleware(rest.req as never, rest.res as never, () => {})
    expect(limiter.inUse).toBe(1)
    rest.res.end()
    expect(limiter.inUse).toBe(0)
  })

  it('takes a permit for each key of the same limiter, and one for the same key', () => {
    const limiter = new BoundedSemaphore(5)
    const { req, res } = fakes()
    for (const key of ['a', 'b', 'a']) {
      new Admission<[]>({ limiter, key: () => key }).enter(new NodeVisit(req, res), [])
    }
    expect(limiter.inUse).toBe(2)
    res.end()
    expect(limiter.inUse).toBe(0)
  })

  it('asks again when the same limiter has refused the request before', async () => {
    const limiter = new BoundedSemaphore(1, { queue: 0 })
    const permit = limiter.tryAcquire()
    const admission = new Admission({ limiter })
    const { req, res } = fakes()
    expect(await admission.enter(new NodeVisit(req, res), [])).toMatchObject({ reason: 'full' })
    expect(await admission.enter(new NodeVisit(req, res), [])).toMatchObject({ reason: 'full' })
    permit?.release()
    expect(admission.enter(new NodeVisit(req, res), [])).toBe('admitted')
  })

  it('gives back every permit, and tells of the limiter that complains', () => {
    const others = [new BoundedSemaphore(1), new BoundedSemaphore(1)]
    const { req, res } = fakes()
    for (const limiter of [others[0], complaining, others[1]] as Limiter[]) {
      new Admission({ limiter }).enter(new NodeVisit(req, res), [])
    }
    expect(() => res.end()).toThrow('released too often')
    expect(others.map(({ inUse }) => inUse)).toEqual([0, 0])
  })
})

describe('a visit that lasts until its handler has settled', () => {
  it('hides no rejection that the caller does not handle', async () => {
    const admission = new Admission<[], BoundedSemaphore>({ permits: 1, releaseOn: 'settled' })
    const { req, res } = fakes()
    const visit = new NodeVisit(req, res)
    admission.enter(visit, [])
    res.end()
    const broken = new Error('broken')
    const errors = await uncaught('unhandledRejection', async (errors) => {
      visit.serve(() => Promise.reject(broken))
      await until(() => errors.length > 0)
    })
    expect(errors).toEqual([broken])
    expect(admission.limiter.inUse).toBe(0)
  })

  it('passes on what the handler returns, throws or rejects with', async () => {
    const admission = new Admission<[], BoundedSemaphore>({ permits: 1, releaseOn: 'settled' })
    const serve = (work: () => unknown): unknown => {
      const { req, res } = fakes()
      const visit = new NodeVisit(req, res)
      admission.enter(visit, [])
      res.end()
      return visit.serve(work)
    }
    expect(serve(() => 'value')).toBe('value')
    expect(await serve(async () => 'later')).toBe('later')
    const fail = (): never => {
      throw new Error('broken')
    }
    expect(() => serve(fail)).toThrow('broken')
    await expect(serve(async () => fail())).rejects.toThrow('broken')
    expect(admission.limiter.inUse).toBe(0)
  })
})

describe('a visit of a dry run', () => {
  it('whose permit comes while its handler works keeps it until that has settled, as others do', async () => {
    const limiter = new BoundedSemaphore(1)
    const held = limiter.tryAcquire()
    const admission = new Admission<[]>({ limiter, releaseOn: 'settled', dryRun: true })
    const { req, res } = fakes()
    const visit = new NodeVisit(req, res)
    expect(admission.enter(visit, [])).toBe('admitted')
    const working = new Gate<string>()
    const served = visit.serve(() => working.opened)
    held?.release()
    await turnOfTheLoop()
    res.end()
    expect(limiter.inUse).toBe(1)
    working.open('done')
    expect(await served).toBe('done')
    expect(limiter.inUse).toBe(0)
  })
})

describe('a visit to a pipelined response', () => {
  it('leaves nothing behind on a connection that stays', async () => {
    setFlagsFromString('--expose-gc')
    const gc = runInNewContext('gc') as () => void
    const admission = new Admission<[], BoundedSemaphore>({ permits: 5 })
    const held: ServerResponse[] = []
    const server = createServer((req, res) => {
      admission.enter(new NodeVisit(req, res), [])
      held.push(res)
    })
    server.keepAliveTimeout = 0
    const client = new RawClient(await listening(server)).send('/1').send('/2')
    await until(() => held.length === 2)
    // In a function of its own, whose variables end with it.
    const answerAll = (): WeakRef<ServerResponse> => {
      const [first, second] = held.splice(0) as [ServerResponse, ServerResponse]
      first.end('answered')
      second.end('answered')
      return new WeakRef(second)
    }
    const second = answerAll()
    await admission.limiter.drain()
    // node:http keeps the last request of a connection until the next one.
    for (const path of ['/3', '/4']) {
      client.send(path)
      await until(() => held.length === 1)
      held.pop()?.end('answered')
      await admission.limiter.drain()
    }
    await until(() => {
      gc()
      return second.deref() === undefined
    })
    server.close().closeAllConnections()
  })
})

describe('a response made by hand within a request', () => {
  it('is behind nobody, though the real one has the socket', async () => {
    const limiter = new BoundedSemaphore(2)
    const verdict = new Gate<unknown>()
    const server = createServer((req) => {
      verdict.open(new Admission({ limiter }).enter(new NodeVisit(req, new ServerResponse(req)), []))
    })
    const client = new RawClient(await listening(server)).send('/')
    expect(await verdict.opened).toBe('admitted')
    client.leave()
    server.close()
  })
})

describe('a pipelined request', () => {
  it('waits behind others no longer than queueTimeout', async () => {
    const admission = new Admission<[], BoundedSemaphore>({ permits: 5, queueTimeout: 20 })
    const verdicts: unknown[] = []
    const server = createServer((req, res) => {
      verdicts.push(admission.enter(new NodeVisit(req, res), []))
    })
    const client = new RawClient(await listening(server)).send('/1').send('/2')
    await until(() => verdicts.length === 2)
    expect(await verdicts[1]).toMatchObject({ reason: 'timeout', status: 503 })
    expect(admission.limiter.inUse).toBe(1)
    client.leave()
    await admission.limiter.drain()
    server.close()
  })
})

describe("releaseOn 'headers'", () => {
  const admission = (limiter: BoundedSemaphore): Admission<[]> =>
    new Admission({ limiter, releaseOn: 'headers' })

  it('holds nothing of a response whose headers were sent before', async () => {
    const limiter = new BoundedSemaphore(1)
    const entered = new Gate<unknown>()
    const server = createServer((req, res) => {
      res.flushHeaders()
      entered.open([admission(limiter).enter(new NodeVisit(req, res), []), limiter.inUse])
    })
    const client = new RawClient(await listening(server)).send('/')
    expect(await entered.opened).toEqual(['admitted', 0])
    client.leave()
    server.close()
  })

  it('counts the headers as sent when they are, and not when writing them failed', async () => {
    const limiter = new BoundedSemaphore(1)
    const seen = new Gate<number[]>()
    const server = createServer((req, res) => {
      const { writeHead } = res
      admission(limiter).enter(new NodeVisit(req, res), [])
      expect(() => res.writeHead(99_999)).toThrow()
      const before = limiter.inUse
      res.writeHead(200)
      seen.open([before, limiter.inUse, Number(res.writeHead === writeHead)])
    })
    const client = new RawClient(await listening(server)).send('/')
    expect(await seen.opened).toEqual([1, 0, 1])
    client.leave()
    server.close()
  })
})

describe('onMaxHold', () => {
  it.each([
    [
      'throws',
      () =>
        Promise.reject(new Error('broken')).catch((error) => {
          throw error
        }),
    ],
    [
      'throws at once',
      () => {
        throw new Error('broken')
      },
    ],
    ['answers something else', () => 'kill'],
    ['is async', async () => 'release'],
  ])('that %s is complained of, and the response destroyed', async (_, onMaxHold) => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    const limiter = new BoundedSemaphore(1)
    const options = { limiter, maxHold: 10, onMaxHold: onMaxHold as () => 'release' }
    const server = createServer((req, res) => {
      new Admission<[]>(options).enter(new NodeVisit(req, res), [])
    })
    const client = new RawClient(await listening(server)).send('/')
    await until(() => client.closed && complaints.mock.calls.length > 0)
    expect(limiter.value).toBe(1)
    complaints.mockRestore()
    server.close()
  })
})

describe('the signal of a handler behind a pipelined response', () => {
  it('aborts when the client leaves, though the response has never had a socket', async () => {
    const signals: AbortSignal[] = []
    const server = createServer((req, res) => {
      signals.push(nodeClientSignal(req, res))
    })
    const client = new RawClient(await listening(server)).send('/1').send('/2')
    await until(() => signals.length === 2)
    client.leave()
    await until(() => signals.every(({ aborted }) => aborted))
    server.close()
  })
})

describe('visits to several pipelined responses', () => {
  it('all end with their socket, though one limiter complains', () => {
    const limiter = new BoundedSemaphore(3)
    const socket = new EventEmitter()
    for (const each of [limiter, complaining, limiter, complaining, limiter]) {
      const { res } = fakes()
      Object.assign(res, { socket: null })
      new Admission<[]>({ limiter: each }).enter(new NodeVisit({ socket } as never, res), [])
    }
    expect(limiter.inUse).toBe(3)
    expect(() => socket.emit('close')).toThrow(AggregateError)
    expect(limiter.inUse).toBe(0)
  })
})

describe('a visit without a response, as at an upgrade', () => {
  it('ends when the socket closes', async () => {
    const limiter = new BoundedSemaphore(1)
    const app = new Hono().use(honoLimit({ limiter })).get('/', (c) => c.text('upgraded'))
    const socket = new Socket()
    const response = await app.request('/', {}, { incoming: { method: 'GET', socket } })
    expect([await response.text(), limiter.inUse]).toEqual(['upgraded', 1])
    socket.destroy()
    await once(socket, 'close')
    expect(limiter.inUse).toBe(0)
  })
})

describe('requests that resume together', () => {
  it('go on at most 32 in a turn of the event loop, also ten thousand that answer at once', async () => {
    const limiter = new BoundedSemaphore(1)
    const admission = new Admission({ limiter })
    const permit = limiter.tryAcquire()
    const visits = Array.from({ length: 10_000 }, () => new WebVisit(new Request('http://localhost/')))
    let resumed = 0
    for (const visit of visits) {
      Promise.resolve(admission.enter(visit, [])).then(() => {
        resumed++
        // Answers at once, which lets the next one in.
        visit.end('success')
      })
    }
    await turnOfTheLoop()
    permit?.release()
    const turns: number[] = []
    for (let before = 0; before < 10_000; before = resumed) {
      await turnOfTheLoop()
      turns.push(resumed - before)
    }
    expect(Math.max(...turns)).toBe(32)
  })

  it('go on in the order they came, and not if they left before their turn', async () => {
    const limiter = new BoundedSemaphore(1)
    const admission = new Admission({ limiter })
    const permit = limiter.tryAcquire()
    const visits = Array.from({ length: 40 }, () => new WebVisit(new Request('http://localhost/')))
    const resumed: number[] = []
    const verdicts = visits.map(async (visit, i) => {
      const verdict = await admission.enter(visit, [])
      resumed.push(i)
      if (i === 31) {
        // Within this turn of the event loop all are granted; then the last one leaves before its turn.
        while (limiter.inUse < 40) await undefined
        for (let ticks = 0; ticks < 50; ticks++) await undefined
        visits[39]?.end('ignored')
      }
      return verdict
    })
    // A new turn: what other tests resumed in this one does not count.
    await turnOfTheLoop()
    limiter.resize(40)
    permit?.release()
    expect((await Promise.all(verdicts)).indexOf('gone')).toBe(39)
    expect(resumed).toEqual(visits.map((_, i) => i))
    for (const visit of visits) visit.end('success')
    expect(limiter.inUse).toBe(0)
  })
})
