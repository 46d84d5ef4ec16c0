import { limit, limitPlugin } from '@lineclear/fastify'
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify'
import type { NodeTarget } from '../hosts/node.ts'
import { cues } from '../stage/cues.ts'
import type { Stage } from '../stage/stage.ts'
import { destroyResponse, failing, flood, gated, large } from './sources.ts'

export default (async (stage, make) => {
  const app = fastify({ serverFactory: (listener) => make(listener) })
  app.addHook('onRequest', (request, reply, done) => {
    const { before, answer } = cues(request.url)
    if (answer !== undefined) stage.passed(answer).then(() => reply.send('answered earlier'))
    if (before === undefined) done()
    else stage.before(before).then(() => done())
  })
  await app.register(limitPlugin, stage.options)
  app.addHook('onRequest', (request, _reply, done) => {
    stage.enter(request.url)
    done()
  })
  // What has no content type is left to the handler; text is read by Fastify.
  app.addContentTypeParser('*', (_request, _body, done) => done(null))

  const handlers = handlersOf(stage)
  for (const path in handlers) {
    app.all(path, (request, reply) => handlers[path]?.(request, reply, cues(request.url).gate))
  }
  app.register(
    async (nested) => {
      await nested.register(limitPlugin, stage.options)
      nested.get('/json', async () => ({ ok: true }))
    },
    { prefix: '/nested' },
  )
  specials(app, stage)
  await app.ready()
  return app.server
}) satisfies NodeTarget

type Handler = (request: FastifyRequest, reply: FastifyReply, gate: string) => unknown

function handlersOf(stage: Stage): Record<string, Handler> {
  return {
    '/json': () => ({ ok: true }),
    '/no-content': (_request, reply) => reply.code(204).send(),
    '/not-modified': (_request, reply) => reply.code(304).send(),
    '/throw': () => {
      throw new Error('broken handler')
    },
    '/reject': async () => {
      throw new Error('broken handler')
    },
    '/throw-late': async (_request, reply) => {
      // Fastify destroys the response, and all that has not left yet with it.
      await new Promise((resolve) => reply.raw.write('begun', resolve))
      throw new Error('broken handler')
    },
    '/never': () => stage.passed('never'),
    '/hold': async (_request, _reply, gate) => {
      await stage.passed(gate)
      return 'held'
    },
    '/stream': (_request, reply, gate) => reply.send(gated(stage, gate)),
    '/sse': (_request, reply) => {
      reply.hijack()
      reply.raw.setHeader('content-type', 'text/event-stream')
      reply.raw.write('data: begun\n\n')
    },
    '/large': (_request, reply) => reply.send(large),
    '/flood': (_request, reply) => reply.send(flood(stage)),
    '/broken-stream': (_request, reply, gate) => reply.send(failing(stage, gate)),
    '/broken-pipe': (_request, reply, gate) => {
      reply.hijack()
      failing(stage, gate)
        .on('error', () => stage.mark('broken'))
        .pipe(reply.raw)
    },
    '/upload': async ({ raw }) => {
      let length = 0
      for await (const data of raw) length += data.length
      return `received ${length}`
    },
    '/upload-never': async ({ raw }) => {
      await new Promise((resolve) => raw.resume().on('end', resolve))
      stage.mark('read')
      await stage.passed('never')
    },
    '/destroy-response': (_request, reply) => {
      reply.hijack()
      destroyResponse(reply.raw)
    },
    '/destroy-socket': (request, reply) => {
      reply.hijack()
      request.raw.socket.destroy()
    },
  }
}

/** What only Fastify has. */
function specials(app: FastifyInstance, stage: Stage): void {
  const never = (): Promise<void> => stage.passed('never')

  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send('missing'))
  app.get('/hijack', (_request, reply) => {
    reply.hijack()
    stage.passed('/hijack').then(() => reply.raw.end('by hand'))
  })
  const onSend = async (): Promise<void> => {
    stage.mark('onSend')
    await stage.passed('/on-send')
  }
  app.get('/on-send', { onSend }, () => 'sent')
  const onError = async (): Promise<void> => {
    stage.mark('onError')
    await stage.passed('/on-error')
  }
  app.get('/on-error', { onError }, () => {
    throw new Error('broken handler')
  })
  app.get('/own-limit', { config: { limit: { permits: 1, queue: 0 } } }, async (request) => {
    await stage.passed(cues(request.url).gate)
    return 'held'
  })
  app.get('/exempt', { config: { limit: false } }, () => 'exempt')
  const preHandler = limit(stage.options)
  app.post('/pre-handler', { config: { limit: false }, preHandler }, ({ body }) => {
    stage.mark(`read ${body}`)
    return never()
  })
  app.post('/parsed-never', ({ body }) => {
    stage.mark(`read ${body}`)
    return never()
  })
  const querystring = { type: 'object', properties: { count: { type: 'integer' } } }
  app.get('/schema', { schema: { querystring } }, () => 'valid')
  app.get('/return-stream', async () => gated(stage, 'never'))
  app.get('/timed', { handlerTimeout: 20 }, never)
}
