import { limit } from '@lineclear/hono'
import { type Context, Hono } from 'hono'
import { stream, streamSSE, streamText } from 'hono/streaming'
import type { UpgradeWebSocket } from 'hono/ws'
import { cues } from '../stage/cues.ts'
import type { Stage } from '../stage/stage.ts'
import { failing, flood, gated, large } from './web-sources.ts'

// biome-ignore lint/suspicious/noExplicitAny: a websocket's type differs from runtime to runtime
export function honoApp(stage: Stage, upgradeWebSocket: UpgradeWebSocket<any, any>): Hono {
  const app = new Hono()
  const pathOf = (c: Context): string => c.req.url.slice(c.req.url.indexOf('/', 8))
  const gate = (c: Context): string => cues(pathOf(c)).gate
  const never = (): Promise<never> => stage.passed('never') as Promise<never>

  app.use(async (c, next) => {
    const { before, answer } = cues(pathOf(c))
    if (before !== undefined) {
      // Node's host sees for itself who left.
      if ((c.env as { incoming?: unknown } | undefined)?.incoming === undefined)
        c.req.raw.signal.addEventListener('abort', () => stage.gone++)
    }
    const passed = before === undefined ? next() : stage.before(before).then(next)
    if (answer === undefined) return passed
    const answered = stage.passed(answer).then(() => c.text('answered earlier'))
    return Promise.race([passed, answered])
  })
  app.use(limit(stage.options))
  app.use((c, next) => {
    stage.enter(pathOf(c))
    return next()
  })

  app.all('/json', (c) => c.json({ ok: true }))
  app.all('/no-content', (c) => c.body(null, 204))
  app.all('/not-modified', (c) => c.body(null, 304))
  app.all('/throw', () => {
    throw new Error('broken handler')
  })
  app.all('/reject', async () => {
    throw new Error('broken handler')
  })
  app.all('/throw-late', (c) =>
    stream(c, async (stream) => {
      await stream.write('begun')
      throw new Error('broken handler')
    }),
  )
  app.all('/never', never)
  app.all('/hold', async (c) => {
    await stage.passed(gate(c))
    return c.text('held')
  })
  app.all('/stream', (c) => c.body(gated(stage, gate(c))))
  app.all('/sse', (c) => c.body(gated(stage, 'never'), 200, { 'content-type': 'text/event-stream' }))
  app.all('/large', (c) => c.body(large))
  app.all('/flood', (c) => c.body(flood(stage)))
  app.all('/broken-stream', (c) => c.body(failing(stage, gate(c))))
  app.all('/upload', async (c) => c.text(`received ${(await c.req.arrayBuffer()).byteLength}`))
  app.all('/upload-never', async (c) => {
    await c.req.arrayBuffer()
    stage.mark('read')
    return never()
  })

  app.route(
    '/nested',
    new Hono().use(limit(stage.options)).get('/json', (c) => c.json({ ok: true })),
  )

  app.get('/throw-string', () => {
    throw 'no error'
  })
  app.get('/return-response', () => new Response('a Response'))
  app.get('/stream-text', (c) =>
    streamText(c, async (stream) => {
      await stream.write('begun')
      await stage.passed(gate(c))
      await stream.write('done')
    }),
  )
  app.get('/stream-sse', (c) =>
    streamSSE(c, async (stream) => {
      await stream.writeSSE({ data: 'begun' })
      await never()
    }),
  )
  app.mount('/mounted', new Hono().use(limit(stage.options)).get('/json', (c) => c.json({ ok: true })).fetch)
  app.get(
    '/websocket',
    upgradeWebSocket(() => ({
      onOpen: (_event, socket) => socket.send('begun'),
      onMessage: (_event, socket) => socket.close(),
    })),
  )

  app.onError((_error, c) => c.text('failed', 500))
  return app
}
