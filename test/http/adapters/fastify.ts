import { clientSignal, keepPermit, type LimitHook, limit } from '@lineclear/fastify'
import { type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { Adapter, Exchange } from './adapter.ts'

export const fastifyAdapter: Adapter = {
  name: 'Fastify 5',
  callsOnTheStack: true,
  contextLength: 2,
  answersRejections: true,
  seesHandlers: false,
  endsFailedStreams: true,
  translation: {
    header: (header) => (request) => request.headers[header],
    answer: (text) => (_, __, reply) => void reply.send(text),
  },
  async create({ limits, before, handle, onError }) {
    const app = fastify()
    const exchange = (request: FastifyRequest, reply: FastifyReply): Exchange => ({
      req: request.raw,
      res: reply.raw,
      url: request.url,
      signal: () => clientSignal(reply),
      keep: () => keepPermit(reply),
    })
    app.setErrorHandler((error, _request, reply) => {
      onError?.(error)
      reply.send(error)
    })
    // Whatever is uploaded, the handler reads it, or not.
    app.addContentTypeParser('*', (_request, _body, done) => done(null))
    app.addHook('onRequest', (request, reply, done) => {
      const passed = before?.(exchange(request, reply))
      if (passed === undefined) done()
      else passed.then(() => done())
    })
    for (const hook of limits(limit, this.translation) as LimitHook[]) app.addHook('onRequest', hook)
    app.all('*', async (request, reply) => {
      const { status = 200, body, raw } = await handle(exchange(request, reply))
      return raw ? reply.hijack() : reply.code(status).send(body)
    })
    await app.ready()
    return app.server
  },
}
