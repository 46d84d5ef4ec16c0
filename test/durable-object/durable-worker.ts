import { BoundedSemaphore, type Limiter, type Outcome, type Permit, RejectedError } from '@lineclear/core'
import { durableLimiter, LimiterObject, type LimiterStub } from '@lineclear/durable-object'
import { limit } from '@lineclear/hono'
import { Hono } from 'hono'

// The Worker of durable-object.test.ts. A request that works does so until its client ends the body.

/** One permit, three in the queue; and it notes what a limiter is told. */
export class One extends LimiterObject {
  readonly limiter: BoundedSemaphore & { outcomes: Outcome[] } = noting(new BoundedSemaphore(1, { queue: 3 }))
  #inside = 0
  #peak = 0

  enter(): void {
    this.#inside++
    this.#peak = Math.max(this.#peak, this.#inside)
  }

  exit(): void {
    this.#inside--
  }

  report(): object {
    return { ...this.state(), peak: this.#peak, outcomes: this.limiter.outcomes }
  }

  restart(): void {
    ;(this.ctx as { abort(reason: string): void }).abort('restarted')
  }
}

/** Refuses all, in a way that only the limiter of a user might. */
export class Busy extends LimiterObject {
  readonly limiter: Limiter = {
    tryAcquire: () => undefined,
    acquire: () => Promise.reject(new RejectedError('shed', { retryAfter: 7, detail: 'Enough.' })),
  }
}

interface Stub extends LimiterStub {
  enter(): Promise<void>
  exit(): Promise<void>
  report(): Promise<object>
  restart(): Promise<void>
  resize(limit: number): Promise<void>
  close(reason: string): Promise<void>
  drain(): Promise<void>
}

interface Namespace {
  getByName(name: string): Stub
}

interface Env {
  One: Namespace
  Busy: Namespace
}

type Handler = (request: Request, limiter: Limiter, stub: Stub, query: URLSearchParams) => Promise<Response>

const plain: Record<string, Handler> = {
  /** Works under a permit. */
  async work(request, limiter, stub, query) {
    using _permit = await limiter.acquire(requestOf(query))
    await stub.enter()
    await request.text()
    await stub.exit()
    return new Response('worked')
  },

  /** Holds a permit and never gives it back. */
  async forget(request, limiter) {
    await limiter.acquire()
    await request.text()
    return new Response('forgotten')
  },

  async throw(_, limiter) {
    await limiter.acquire()
    throw new Error('on purpose')
  },

  /** Waits for nothing that could come: workerd ends it. */
  async hang(_, limiter) {
    await limiter.acquire()
    await new Promise(() => {})
    return new Response('never')
  },

  async release(_, limiter, _stub, query) {
    const permit = await limiter.acquire()
    permit.release((query.get('outcome') ?? undefined) as Outcome | undefined)
    permit.release()
    permit[Symbol.dispose]()
    return new Response('released')
  },

  /** Leaves the queue when its client says something, and goes on until that ends the body. */
  async abort(request, limiter) {
    const reader = (request.body as ReadableStream).getReader()
    const controller = new AbortController()
    const waiting = limiter.acquire({ signal: controller.signal }).then(String, String)
    await reader.read()
    controller.abort(new Error('changed my mind'))
    const answer = await waiting
    while (!(await reader.read()).done);
    return new Response(answer)
  },

  /** Aborts before, and after the permit was granted. */
  async aborted(_, limiter) {
    const before = await limiter.acquire({ signal: AbortSignal.abort('before') }).catch(String)
    const controller = new AbortController()
    const permit = await limiter.acquire({ signal: controller.signal })
    controller.abort()
    permit.release()
    return Response.json({ before, after: typeof permit.release })
  },

  async try(_, limiter) {
    return Response.json({ permit: limiter.tryAcquire() === undefined ? 'none' : 'some' })
  },

  /** What two requests of one isolate must not do: one gives back what the other acquired. */
  async leave(request, limiter) {
    left.push(await limiter.acquire())
    await request.text()
    return new Response('gone on')
  },
  async 'release-other'() {
    for (const permit of left.splice(0)) permit.release()
    return new Response('released')
  },

  async 'restart-now'(_, _limiter, stub) {
    await stub.restart().catch(() => {})
    return new Response('restarted')
  },

  async resize(_, _limiter, stub, query) {
    return Response.json(
      await stub.resize(Number(query.get('to'))).then(
        () => 'resized',
        (error) => String(error),
      ),
    )
  },
  async close(_, _limiter, stub) {
    await stub.close('deploying')
    return new Response('closed')
  },
  async drain(_, _limiter, stub) {
    await stub.drain()
    return new Response('drained')
  },
  async state(_, _limiter, stub) {
    return Response.json(await stub.report())
  },
}

addEventListener('unhandledrejection', (event) => {
  console.error('unhandled rejection:', event.reason)
})

const left: Permit[] = []

function requestOf(query: URLSearchParams): object {
  const fields = ['timeout', 'weight', 'priority'].filter((field) => query.has(field))
  return Object.fromEntries(fields.map((field) => [field, Number(query.get(field))]))
}

/** `/hono/<object>`: answers at once, with what its client sends. */
const hono = new Hono<{ Bindings: Env }>()
hono.all('/hono/:name', async (c) => {
  const limiter = durableLimiter(() => c.env.One.getByName(c.req.param('name')))
  const stream = async (): Promise<void> => {
    c.res = new Response(c.req.raw.body)
  }
  return (await limit({ limiter, queueTimeout: 60_000 })(c, stream)) ?? c.res
})

/** `/<handler>/<object>`, or the object's name and what it is to be in a query. */
export default {
  async fetch(request: Request, env: Env, ctx: { waitUntil(promise: Promise<unknown>): void }) {
    const { pathname, searchParams } = new URL(request.url)
    const [, route = '', name = ''] = pathname.split('/')
    if (route === 'hono') return hono.fetch(request, env, ctx as never)
    const namespace = searchParams.has('busy') ? env.Busy : env.One
    const silent: LimiterStub = { join: () => silence() as never }
    const limiter = durableLimiter(() => (searchParams.has('silent') ? silent : namespace.getByName(name)), {
      answerWithin: 20,
    })
    try {
      const handler = plain[route] as Handler
      return await handler(request, limiter, namespace.getByName(name), searchParams)
    } catch (error) {
      const { name, message, reason, retryAfter, detail } = error as RejectedError
      return Response.json({ name, message, reason, retryAfter, detail }, { status: 503 })
    }
  },
}

/** A stub of an object that does not answer. */
function silence(): object {
  return Object.assign(new Promise(() => {}), {
    answer: () => new Promise(() => {}),
    release: async () => {},
  })
}

function noting(limiter: BoundedSemaphore): BoundedSemaphore & { outcomes: Outcome[] } {
  const outcomes: Outcome[] = []
  const note = (permit: Permit): Permit => ({
    release(outcome = 'success') {
      outcomes.push(outcome)
      permit.release(outcome)
    },
    [Symbol.dispose]: () => permit[Symbol.dispose](),
  })
  const { tryAcquire, acquire } = limiter
  limiter.tryAcquire = (request) => {
    const permit = tryAcquire.call(limiter, request)
    return permit && note(permit)
  }
  limiter.acquire = (request) => acquire.call(limiter, request).then(note)
  return Object.assign(limiter, { outcomes })
}
