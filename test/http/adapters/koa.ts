import { createServer } from 'node:http'
import { clientSignal, keepPermit, limit } from '@lineclear/koa'
import Koa from 'koa'
import Koa2 from 'koa2'
import type { Adapter, Exchange } from './adapter.ts'

function koaAdapter(name: string, Make: typeof Koa, endsFailedStreams: boolean): Adapter {
  return {
    name,
    callsOnTheStack: true,
    answersRejections: true,
    contextLength: 1,
    seesHandlers: true,
    endsFailedStreams,
    translation: {
      header: (header) => (ctx) => ctx.get(header) || undefined,
      answer: (text) => (_, ctx) => {
        ctx.body = text
      },
    },
    create({ limits, before, handle, onError }) {
      const exchange = (ctx: Koa.Context): Exchange => ({
        req: ctx.req,
        res: ctx.res,
        url: ctx.originalUrl,
        signal: () => clientSignal(ctx),
        keep: () => keepPermit(ctx),
      })
      const app = new Make()
      app.on('error', (error) => onError?.(error))
      app.use((ctx, next) => {
        const passed = before?.(exchange(ctx))
        return passed === undefined ? next() : passed.then(next)
      })
      // biome-ignore lint/suspicious/noExplicitAny: the limits are those of this adapter
      for (const middleware of limits(limit, this.translation) as any[]) app.use(middleware)
      app.use(async (ctx) => {
        const { status = 200, body, raw } = await handle(exchange(ctx))
        if (raw) {
          ctx.respond = false
          return
        }
        ctx.body = body ?? null
        ctx.status = status
      })
      return createServer(app.callback())
    },
  }
}

export const koaAdapters: Adapter[] = [koaAdapter('Koa 3', Koa, true), koaAdapter('Koa 2', Koa2, false)]
