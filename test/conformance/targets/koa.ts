import { PassThrough, Readable } from 'node:stream'
import { limit } from '@lineclear/koa'
import type Koa from 'koa'
import type { Context } from 'koa'
import { cues } from '../stage/cues.ts'
import type { Stage } from '../stage/stage.ts'
import { destroyResponse, failing, flood, gated, large } from './sources.ts'

export function koaApp(Make: typeof Koa, stage: Stage): Koa {
  const app = new Make()
  // Without a listener, Koa prints them.
  app.on('error', () => {})

  app.use(async (ctx, next) => {
    const { before, answer } = cues(ctx.originalUrl)
    const passed = before === undefined ? next() : stage.before(before).then(next)
    if (answer === undefined) return passed
    const answered = stage.passed(answer).then(() => {
      ctx.body = 'answered earlier'
    })
    await Promise.race([passed, answered])
  })
  app.use(limit(stage.options))
  app.use((ctx, next) => {
    stage.enter(ctx.originalUrl)
    return next()
  })
  const nested = limit(stage.options)
  app.use((ctx, next) => (ctx.path.startsWith('/nested/') ? nested(ctx, next) : next()))
  app.use(async (ctx, next) => {
    await next()
    if (ctx.path === '/throw-after-next') throw new Error('broken middleware')
  })
  const handlers = handlersOf(stage)
  app.use((ctx) => handlers[ctx.path]?.(ctx, cues(ctx.originalUrl).gate))
  return app
}

function handlersOf(stage: Stage): Record<string, (ctx: Context, gate: string) => unknown> {
  const json = (ctx: Context): void => {
    ctx.body = { ok: true }
  }
  return {
    '/json': json,
    '/nested/json': json,
    '/throw-after-next': json,
    '/no-content': (ctx) => {
      ctx.status = 204
    },
    '/not-modified': (ctx) => {
      ctx.status = 304
    },
    '/throw': () => {
      throw new Error('broken handler')
    },
    '/reject': async () => {
      throw new Error('broken handler')
    },
    '/throw-late': (ctx) => {
      ctx.status = 200
      ctx.res.write('begun')
      throw new Error('broken handler')
    },
    '/never': () => new Promise(() => {}),
    '/hold': async (ctx, gate) => {
      await stage.passed(gate)
      ctx.body = 'held'
    },
    '/stream': (ctx, gate) => {
      ctx.body = gated(stage, gate)
    },
    '/sse': (ctx) => {
      const events = new PassThrough()
      ctx.type = 'text/event-stream'
      ctx.body = events
      events.write('data: begun\n\n')
    },
    '/large': (ctx) => {
      ctx.body = large
    },
    '/flood': (ctx) => {
      ctx.body = flood(stage)
    },
    '/broken-stream': (ctx, gate) => {
      ctx.body = failing(stage, gate)
    },
    '/broken-pipe': (ctx, gate) => {
      ctx.respond = false
      ctx.status = 200
      failing(stage, gate)
        .on('error', () => stage.mark('broken'))
        .pipe(ctx.res)
    },
    '/upload': async (ctx) => {
      ctx.body = `received ${await lengthOf(ctx)}`
    },
    '/upload-never': async (ctx) => {
      await lengthOf(ctx)
      stage.mark('read')
      await new Promise(() => {})
    },
    '/destroy-response': (ctx) => {
      ctx.respond = false
      destroyResponse(ctx.res)
    },
    '/destroy-socket': (ctx) => {
      ctx.respond = false
      ctx.req.socket.destroy()
    },
    '/respond-false': (ctx, gate) => {
      ctx.respond = false
      stage.passed(gate).then(() => ctx.res.end('by hand'))
    },
    '/broken-before': (ctx) => {
      const body = new Readable({ read() {} })
      ctx.body = body
      body.destroy(new Error('broken source'))
    },
  }
}

async function lengthOf(ctx: Context): Promise<number> {
  let length = 0
  for await (const data of ctx.req) length += data.length
  return length
}
