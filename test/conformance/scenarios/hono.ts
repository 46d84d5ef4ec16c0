import type { Departure } from '../client/client.ts'
import type { Chapter, Scenario } from '../scenario.ts'

const websocket = {
  headers: {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  },
}

const scenarios: Scenario[] = [
  {
    name: 'streams text with streamText',
    protocol: 'HTTP/1',
    async play(session) {
      const exchange = session.request('/stream-text')
      await exchange.receives('begun')
      await session.remains({ inUse: 1 })
      await session.open('/stream-text')
      await exchange.finished()
      return ['/stream-text']
    },
  },
  {
    name: 'sends events with streamSSE, and the client leaves',
    protocol: 'HTTP/1',
    async play(session) {
      const client = session.client()
      await client.request('/stream-sse').receives('begun')
      await session.remains({ inUse: 1 })
      client.leave('RST')
      return ['/stream-sse']
    },
  },
  {
    // Its header Transfer-Encoding, which HTTP/2 forbids, is an error that nobody answers: honojs/hono#4041.
    name: 'fails with streamSSE over HTTP/2, and the client leaves',
    protocol: 'HTTP/2',
    noise: /transfer-encoding|connection header/,
    async play(session) {
      const client = session.client()
      client.request('/stream-sse')
      await session.until({ inUse: 1 })
      client.leave('FIN')
      return ['/stream-sse']
    },
  },
  {
    name: 'throws what is no Error',
    // Hono does not catch it; what becomes of it is the runtime's business.
    noise: /no error/,
    async play(session) {
      const client = session.client()
      const exchange = client.request('/throw-string')
      await session.until({ entered: 1 })
      await session.untilOver(exchange, client)
      return ['/throw-string']
    },
  },
  {
    name: 'has no such route: 404',
    async play(session) {
      await session.request('/missing').finished(404)
      return ['/missing']
    },
  },
  {
    name: 'returns a Response of its own',
    async play(session) {
      await session.request('/return-response').receives('a Response')
      return ['/return-response']
    },
  },
  {
    name: 'mounts an application with the same limit, which counts once',
    async play(session) {
      await session.request('/mounted/json').finished()
      return ['/mounted/json']
    },
  },
  ...(['FIN', 'RST'] as Departure[]).map(
    (how): Scenario => ({
      name: `serves a websocket, and the client leaves (${how})`,
      protocol: 'HTTP/1',
      async play(session) {
        const client = session.client()
        const exchange = client.request('/websocket', websocket)
        await exchange.answered(101)
        await exchange.receives('begun')
        await session.remains({ inUse: 1 })
        client.leave(how)
        return ['/websocket']
      },
    }),
  ),
  {
    name: 'has a websocket that waits, and the client leaves',
    protocol: 'HTTP/1',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      client.request('/websocket', websocket)
      await session.until({ waiting: 1 })
      client.leave('RST')
      await session.until({ waiting: 0 })
      await session.open('/hold')
      await holder.finished()
      return ['/hold']
    },
  },
]

export const hono: Chapter = {
  title: 'Hono',
  scenarios: scenarios.map((scenario) => ({ ...scenario, family: 'hono' })),
}
