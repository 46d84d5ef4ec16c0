import { BoundedSemaphore } from '@lineclear/core'
import { type LimitMiddleware, limit } from '@lineclear/hono'
import { Admission, throughWeb } from '@lineclear/http'
import { type Context, Hono } from 'hono'

// The Worker of isolate.test.ts: a limit in each isolate. What it shares between requests is values only.

type Handler = (request: Request) => Response | Promise<Response>

const handlers: Record<string, Handler> = {
  /** Works until its client ends the body. */
  async work(request) {
    return new Response(`worked ${await request.text()}`)
  },
  /** Answers at once, with what its client sends. */
  stream: (request) => new Response(request.body),
  /** Works on, whatever its client does. */
  async stuck() {
    await new Promise((resolve) => setTimeout(resolve, 3_600_000))
    return new Response('at last')
  },
  /** Waits for nothing that could come. */
  hang: () => new Promise(() => {}),
  throw() {
    throw new Error('on purpose')
  },
  text: () => new Response('text'),
}

const limits = new Map<string, { semaphore: BoundedSemaphore; hono: LimitMiddleware; web: Admission<[]> }>()

function limitOf(name: string, query: URLSearchParams): NonNullable<ReturnType<typeof limits.get>> {
  let found = limits.get(name)
  if (found === undefined) {
    const limiter = new BoundedSemaphore(1, { queue: 3 })
    const ms = (option: string): number => Number(query.get(option) ?? Infinity)
    const options = {
      limiter,
      maxHold: ms('maxHold'),
      queueTimeout: Number(query.get('queueTimeout') ?? 60_000),
    }
    found = { semaphore: limiter, hono: limit(options), web: new Admission(options) }
    limits.set(name, found)
  }
  return found
}

const hono = new Hono()
hono.onError((_, c) => c.text('failed', 500))
hono.use('/hono/:name/:handler', (c, next) => queried(c).hono(c, next))
hono.all('/hono/:name/:handler', (c) => (handlers[c.req.param('handler')] as Handler)(c.req.raw))

function queried(c: Context): ReturnType<typeof limitOf> {
  return limitOf(c.req.param('name') as string, new URL(c.req.url).searchParams)
}

addEventListener('unhandledrejection', (event) => {
  console.error('unhandled rejection:', event.reason)
})

interface WorkersContext {
  waitUntil(promise: Promise<unknown>): void
  passThroughOnException(): void
}

/** `/<how>/<limit>/<handler>`, where `how` is `hono` or `fetch`; and `/state/<limit>`. */
export default {
  async fetch(request: Request, env: object, ctx: WorkersContext): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const [, how, name = '', handler = ''] = pathname.split('/')
    if (how === 'hono') return hono.fetch(request, env, ctx as never)
    if (how === 'state') {
      // The first request that passes it makes the limit, and says how.
      const { inUse = 0, waiting = 0 } = limits.get(name)?.semaphore ?? {}
      return Response.json({ inUse, waiting })
    }
    const { web } = limitOf(name, searchParams)
    const serve = async (): Promise<Response> => (handlers[handler] as Handler)(request)
    const refuse = async ({ status, reason }: { status: number; reason: string }): Promise<Response> =>
      Response.json({ reason }, { status })
    return throughWeb(web, request, [env, ctx], [], { serve, refuse })
  },
}
