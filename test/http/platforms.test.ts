import { getEventListeners } from 'node:events'
import { BoundedSemaphore, type Permit } from '@lineclear/core'
import { clientSignal, keepPermit, limit } from '@lineclear/fetch'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Gate, turnOfTheLoop, until } from './helpers.ts'

// What each platform hands over with a request is imitated here; test/conformance runs on the real ones.

function request(signal = new AbortController().signal): Request {
  return new Request('http://localhost/', { signal })
}

function never(): Promise<Response> {
  return new Promise(() => {})
}

afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
})

describe('on Deno', () => {
  function info() {
    const completed = new Gate()
    return { remoteAddr: { hostname: '127.0.0.1' }, completed: completed.opened, complete: completed }
  }

  // These two first: the others start a timer that fake ones do not ring.

  it('a client that leaves a handler which takes long gives its permit back, and a later one too', async () => {
    vi.useFakeTimers()
    const limiter = new BoundedSemaphore(2)
    const handler = limit({ limiter })((_request: Request, _info: object) => never())
    const clients = [new AbortController(), new AbortController()]
    for (const { signal } of clients) {
      handler(request(signal), info())
      vi.advanceTimersByTime(700)
      expect(vi.getTimerCount()).toBe(1)
    }
    vi.advanceTimersByTime(700)
    clients[0]?.abort()
    expect(limiter.inUse).toBe(1)
    clients[1]?.abort()
    vi.advanceTimersByTime(2000)
    // The second had been listened to in time, too.
    expect(limiter.inUse).toBe(0)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('the signal that Deno aborts when it has answered is not taken for a client that left', async () => {
    vi.useFakeTimers()
    const limiter = new BoundedSemaphore(1)
    const client = new AbortController()
    const gate = new Gate<Response>()
    const { complete, ...deno } = info()
    const asked = request(client.signal)
    let signal: AbortSignal | undefined
    const response = limit({ limiter })((given: Request, _info: typeof deno) => {
      signal = clientSignal(given)
      return gate.opened
    })(asked, deno)
    vi.advanceTimersByTime(2000)
    gate.open(new Response(new ReadableStream()))
    await response
    client.abort()
    expect([limiter.inUse, signal?.aborted]).toEqual([1, false])
    complete.open()
    await Promise.resolve()
    expect([limiter.inUse, signal?.aborted]).toEqual([0, false])
  })

  it('a permit comes back when Deno says that the response is completed, which is left as it is', async () => {
    const limiter = new BoundedSemaphore(1)
    const response = new Response(new ReadableStream())
    const { complete, ...deno } = info()
    expect(
      await limit({ limiter })((_request: Request, _info: typeof deno) => response)(request(), deno),
    ).toBe(response)
    expect(limiter.inUse).toBe(1)
    complete.open()
    await turnOfTheLoop()
    expect(limiter.inUse).toBe(0)
  })

  it('a permit comes back when Deno says that the response failed', async () => {
    const limiter = new BoundedSemaphore(1)
    const { complete, ...deno } = info()
    await limit({ limiter })((_request: Request, _info: typeof deno) => new Response('text'))(request(), deno)
    complete.fail(new Error('broken'))
    await turnOfTheLoop()
    expect(limiter.inUse).toBe(0)
  })

  it('a client that left before anybody listened is noticed by who asks for its signal, and in the queue', async () => {
    const limiter = new BoundedSemaphore(2)
    // As Deno does when somebody has touched the signal: aborted, and the event is past.
    const signals: AbortSignal[] = []
    const handler = limit({ limiter })((given: Request, _info: object) => {
      signals.push(clientSignal(given))
      return never()
    })
    handler(request(AbortSignal.abort()), info())
    expect([limiter.inUse, signals[0]?.aborted]).toEqual([0, true])
    limiter.resize(0)
    const answer = await limit({ limiter })((_request: Request, _info: object) => never())(
      request(AbortSignal.abort()),
      info(),
    )
    expect([answer.status, limiter.waiting]).toEqual([503, 0])
  })

  it('says who it is once, and is not asked for it when its request is closed', async () => {
    const { complete, ...deno } = info()
    let open = true
    const closed = Object.defineProperty({ ...deno }, 'remoteAddr', {
      get() {
        if (open) return {}
        throw new Error('Request closed')
      },
    })
    const limited = limit({ permits: 1 })((given: Request, _info: typeof closed) => {
      open = false
      keepPermit(given, closed)()
      return Response.json(clientSignal(given, closed).aborted)
    })
    expect(await (await limited(request(), closed)).json()).toBe(false)
    complete.open()
    // It was answered before it came to the limit.
    expect((await limited(request(), closed)).status).toBe(503)
  })

  it('nobody listens to the signal of a request that is answered soon', async () => {
    const { complete, ...deno } = info()
    const asked = request()
    await limit({ permits: 1 })((_request: Request, _info: typeof deno) => new Response('text'))(asked, deno)
    expect(getEventListeners(asked.signal, 'abort')).toEqual([])
    complete.open()
  })

  it('a client that leaves while it waits leaves the queue', async () => {
    const limiter = new BoundedSemaphore(1)
    limiter.tryAcquire()
    const client = new AbortController()
    const response = limit({ limiter })((_request: Request, _info: object) => never())(
      request(client.signal),
      info(),
    )
    await until(() => limiter.waiting === 1)
    client.abort()
    await response
    expect(limiter.waiting).toBe(0)
  })

  it('one request is known by its info, whatever Request is made of it', async () => {
    const limiter = new BoundedSemaphore(1)
    const { complete, ...deno } = info()
    const inner = limit({ limiter })((_request: Request, _info: typeof deno) => new Response('inner'))
    const outer = limit({ limiter })((given: Request, given2: typeof deno) =>
      inner(new Request(given), given2),
    )
    expect(await (await outer(request(), deno)).text()).toBe('inner')
    expect(limiter.inUse).toBe(1)
    complete.open()
  })

  it('a body is cut short by maxHold', async () => {
    const limiter = new BoundedSemaphore(1)
    const handler = limit({ limiter, maxHold: 20 })(
      (_request: Request, _info: object) => new Response(new ReadableStream()),
    )
    const response = await handler(request(), info())
    await expect(response.text()).rejects.toThrow('taken back')
    expect(limiter.inUse).toBe(0)
  })
})

describe('on Workers', () => {
  function context() {
    const promises: Promise<unknown>[] = []
    return {
      promises,
      waitUntil: (promise: Promise<unknown>) => void promises.push(promise),
      passThroughOnException() {},
    }
  }

  function handed(
    limiter: BoundedSemaphore,
    handler: () => Response | Promise<Response>,
    options: object = {},
  ) {
    const limited = limit({ limiter, ...options })((_request: Request, _env: object, _context: object) =>
      handler(),
    )
    return (asked: Request, ctx: object) => limited(asked, {}, ctx)
  }

  it('the context keeps what releases a permit alive, until it is released', async () => {
    const limiter = new BoundedSemaphore(1)
    const ctx = context()
    const response = await handed(limiter, () => new Response(new ReadableStream()))(request(), ctx)
    let released = false
    expect(ctx.promises.length).toBe(1)
    ctx.promises[0]?.then(() => {
      released = true
    })
    await turnOfTheLoop()
    expect([limiter.inUse, released]).toEqual([1, false])
    await response.body?.cancel()
    await turnOfTheLoop()
    expect([limiter.inUse, released]).toEqual([0, true])
  })

  it('each request that waits has a pending timer of its own, which is gone when it waits no more', async () => {
    vi.useFakeTimers()
    const limiter = new BoundedSemaphore(1)
    const held = limiter.tryAcquire() as Permit
    const handler = handed(limiter, () => new Response('text'))
    const responses = [1, 2, 3].map(() => handler(request(), context()))
    expect([limiter.waiting, vi.getTimerCount()]).toEqual([3, 3])
    held.release()
    for (const response of responses) expect(await (await response).text()).toBe('text')
    expect([limiter.inUse, vi.getTimerCount()]).toEqual([0, 0])
  })

  it('a request that waited for queueTimeout is refused, by its own timer', async () => {
    vi.useFakeTimers()
    const limiter = new BoundedSemaphore(1)
    limiter.tryAcquire()
    const response = handed(limiter, () => new Response('never'), { queueTimeout: 500 })(request(), context())
    vi.advanceTimersByTime(500)
    expect(await (await response).json()).toMatchObject({ status: 503, reason: 'timeout' })
    expect(limiter.waiting).toBe(0)
  })

  it("the limiter's own time-out counts where there is no other, and 0 refuses at once", async () => {
    vi.useFakeTimers()
    const limiter = new BoundedSemaphore(1, { timeout: 300 })
    limiter.tryAcquire()
    const response = handed(limiter, () => new Response('never'))(request(), context())
    vi.advanceTimersByTime(300)
    expect((await response).status).toBe(503)
    const refused = await handed(limiter, () => new Response('never'), { queueTimeout: 0 })(
      request(),
      context(),
    )
    expect(refused.status).toBe(503)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('a client that leaves while it waits leaves the queue', async () => {
    const limiter = new BoundedSemaphore(1)
    limiter.tryAcquire()
    const client = new AbortController()
    const response = handed(limiter, () => new Response('never'))(request(client.signal), context())
    await until(() => limiter.waiting === 1)
    client.abort()
    await response
    expect(limiter.waiting).toBe(0)
  })

  it('a permit whose request was ended with its timers is taken back when the next one comes', async () => {
    // Timers that never ring, as those of a request that workerd has ended.
    vi.spyOn(globalThis, 'setTimeout').mockReturnValue(0 as never)
    const now = vi.spyOn(performance, 'now').mockReturnValue(0)
    const limiter = new BoundedSemaphore(2)
    const handler = handed(limiter, never, { maxHold: 1000 })
    handler(request(), context())
    now.mockReturnValue(600)
    handler(request(), context())
    now.mockReturnValue(1200)
    const next = handed(limiter, () => new Response('next'), { maxHold: 1000 })
    expect(await (await next(request(), context())).text()).toBe('next')
    expect(limiter.inUse).toBe(1)
  })

  it('one request is known by its context, whatever Request is made of it', async () => {
    const limiter = new BoundedSemaphore(1)
    const ctx = context()
    const inner = limit({ limiter })((_request: Request, _context: object) => new Response('inner'))
    const outer = limit({ limiter })((given: Request, ctx: object) => inner(new Request(given), ctx))
    expect(await (await outer(request(), ctx)).text()).toBe('inner')
    expect(limiter.inUse).toBe(0)
  })
})

describe('on Bun', () => {
  const server = { requestIP() {}, timeout() {} }

  it('a handler that answers nothing has upgraded: its permit comes back when the signal aborts', async () => {
    const limiter = new BoundedSemaphore(1)
    const socket = new AbortController()
    await limit({ limiter })((_request: Request, _server: object) => undefined)(
      request(socket.signal),
      server,
    )
    expect(limiter.inUse).toBe(1)
    socket.abort()
    expect(limiter.inUse).toBe(0)
  })
})

describe('elsewhere', () => {
  it('what looks like everything at once, as stubs of remote objects do, is nothing special', async () => {
    const limiter = new BoundedSemaphore(1)
    const stub = new Proxy(() => {}, { get: () => () => {} })
    const limited = limit({ limiter })((_request: Request, _stub: unknown) => new Response('text'))
    expect(await (await limited(request(), stub)).text()).toBe('text')
    expect(limiter.inUse).toBe(0)
  })

  it('keepPermit and clientSignal of a request that passed no limit do no harm', () => {
    const asked = request()
    keepPermit(asked)()
    expect(clientSignal(asked)).toBe(asked.signal)
  })
})
