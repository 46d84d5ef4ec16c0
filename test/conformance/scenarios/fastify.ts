import type { Chapter, Scenario } from '../scenario.ts'

const text = { 'content-type': 'text/plain' }

const scenarios: Scenario[] = [
  {
    name: 'answers by hand later, with reply.hijack()',
    async play(session) {
      const exchange = session.request('/hijack')
      await session.until({ inUse: 1 })
      await session.remains({ inUse: 1 })
      await session.open('/hijack')
      await exchange.receives('by hand')
      return ['/hijack']
    },
  },
  {
    name: 'has no such route: 404, which waits and counts as any request',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const missing = session.request('/missing')
      await session.until({ waiting: 1 })
      await session.open('/hold')
      await Promise.all([holder.finished(), missing.finished(404)])
      return ['/hold', '/missing']
    },
  },
  {
    name: 'works in an onSend hook, and keeps its permit until then',
    async play(session) {
      const exchange = session.request('/on-send')
      await session.until({ marks: 'onSend' })
      await session.remains({ inUse: 1 })
      await session.open('/on-send')
      await exchange.receives('sent')
      return ['/on-send']
    },
  },
  {
    name: 'works in an onSend hook, and the client leaves',
    async play(session) {
      const client = session.client()
      client.request('/on-send')
      await session.until({ marks: 'onSend' })
      client.leave('RST')
      await session.until({ inUse: 0 })
      await session.open('/on-send')
      return ['/on-send']
    },
  },
  {
    name: 'works in an onError hook, and keeps its permit until then',
    async play(session) {
      const exchange = session.request('/on-error')
      await session.until({ marks: 'onError' })
      await session.remains({ inUse: 1 })
      await session.open('/on-error')
      await exchange.finished(500)
      return ['/on-error']
    },
  },
  {
    name: "refuses by a route's own limit, and gives both permits back",
    setup: { permits: 2 },
    async play(session) {
      const holder = session.request('/own-limit?1')
      await session.until({ inUse: 1 })
      await session.request('/own-limit?2').finished(503)
      await session.until({ inUse: 1 })
      await session.open('/own-limit?1')
      await holder.finished()
      await session.until({ inUse: 0 })
      await session.open('/own-limit?3')
      await session.request('/own-limit?3').finished()
      return ['/own-limit?1', '/own-limit?3']
    },
  },
  {
    name: 'exempts a route, with limit: false',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      await session.request('/exempt').finished()
      await session.open('/hold')
      await holder.finished()
      return ['/hold', '/exempt']
    },
  },
  {
    name: 'reads a body before the handler, which never answers, and the client leaves',
    async play(session) {
      const client = session.client()
      client.request('/parsed-never', { method: 'POST', body: 'some', headers: text })
      await session.until({ marks: 'read some' })
      await session.remains({ inUse: 1 })
      client.leave('RST')
      return ['/parsed-never']
    },
  },
  {
    name: 'reads a body before the handler, and the client leaves in the middle of it',
    async play(session) {
      const client = session.client()
      client.request('/parsed-never', { method: 'POST', body: 'some', sent: 2, headers: text })
      await session.until({ inUse: 1 })
      client.leave('RST')
      await session.until({ inUse: 0 })
      await session.remains({ marks: 0 })
      return ['/parsed-never']
    },
  },
  {
    name: 'asks in a preHandler hook, when the body was read, and the client leaves the handler',
    async play(session) {
      const client = session.client()
      client.request('/pre-handler', { method: 'POST', body: 'some', headers: text })
      await session.until({ inUse: 1, marks: 'read some' })
      await session.remains({ inUse: 1 })
      client.leave('RST')
      return ['/pre-handler']
    },
  },
  {
    name: 'asks in a preHandler hook, when the body was read, and the client leaves while it waits',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      client.request('/pre-handler', { method: 'POST', body: 'some', headers: text })
      await session.until({ waiting: 1 })
      client.leave('RST')
      await session.until({ waiting: 0 })
      await session.open('/hold')
      await holder.finished()
      await session.remains({ marks: 0 })
      return ['/hold', '/pre-handler']
    },
  },
  {
    name: 'reads a body that is too large: 413',
    // Over HTTP/2, Fastify's `Connection: close` is one.
    noise: /connection header is not valid/,
    async play(session) {
      const large = { method: 'POST', body: 'x'.repeat((1 << 20) + 1), headers: text }
      await session.request('/parsed-never', large).answered(413)
      return ['/parsed-never']
    },
  },
  {
    name: 'refuses what does not fit its schema: 400',
    async play(session) {
      await session.request('/schema?count=many').finished(400)
      await session.request('/schema?count=1').finished()
      return ['/schema?count=many', '/schema?count=1']
    },
  },
  {
    name: 'returns a stream, and the client leaves in the middle',
    async play(session) {
      const client = session.client()
      await client.request('/return-stream').receives('begun')
      await session.remains({ inUse: 1 })
      client.leave('RST')
      return ['/return-stream']
    },
  },
  {
    name: 'gives a handler up that never answers, with handlerTimeout',
    async play(session) {
      await session.request('/timed').finished(503)
      return ['/timed']
    },
  },
  {
    name: 'gives a request up that waits, with handlerTimeout',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      await session.request('/timed').finished(503)
      await session.until({ waiting: 0 })
      await session.open('/hold')
      await holder.finished()
      return ['/hold']
    },
  },
]

export const fastify: Chapter = {
  title: 'Fastify',
  scenarios: scenarios.map((scenario) => ({ ...scenario, family: 'fastify' })),
}
