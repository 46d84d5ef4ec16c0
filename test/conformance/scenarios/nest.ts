import type { Chapter, Scenario } from '../scenario.ts'

const scenarios: Scenario[] = [
  {
    name: 'has no such route: 404, which asks for no permit',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      await session.request('/missing').finished(404)
      await session.open('/hold')
      await holder.finished()
      return ['/hold']
    },
  },
  {
    name: 'refuses with a guard: 403, which asks for no permit',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      await session.request('/guarded').finished(403)
      await session.open('/hold')
      await holder.finished()
      return ['/hold']
    },
  },
  {
    name: 'refuses with a pipe: 400',
    async play(session) {
      await session.request('/piped?count=many').finished(400)
      await session.request('/piped?count=1').finished()
      return ['/piped?count=many', '/piped?count=1']
    },
  },
  {
    name: 'throws an HttpException',
    async play(session) {
      await session.request('/teapot').finished(418)
      return ['/teapot']
    },
  },
  {
    name: 'answers an exception in an async filter, and keeps its permit until then',
    async play(session) {
      const exchange = session.request('/filtered')
      await session.until({ marks: 'caught' })
      await session.remains({ inUse: 1 })
      await session.open('/filtered')
      await exchange.finished(418)
      return ['/filtered']
    },
  },
  {
    name: 'answers by hand later, with @Res()',
    async play(session) {
      const exchange = session.request('/by-hand')
      await session.until({ inUse: 1 })
      await session.remains({ inUse: 1 })
      await session.open('/by-hand')
      await exchange.receives('by hand')
      return ['/by-hand']
    },
  },
  {
    name: 'sends a StreamableFile, and the client leaves in the middle',
    async play(session) {
      const client = session.client()
      await client.request('/file').answered()
      client.stall()
      await session.remains({ inUse: 1 })
      client.leave('RST')
      return ['/file']
    },
  },
  {
    name: 'sends events with @Sse(), which wait, and the client leaves',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      client.request('/sse')
      await session.until({ waiting: 1 })
      client.leave('RST')
      await session.until({ waiting: 0 })
      await session.open('/hold')
      await holder.finished()
      return ['/hold']
    },
  },
  {
    name: 'sends events with @Sse(), which had to wait',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      const events = client.request('/sse')
      await session.until({ waiting: 1 })
      await session.open('/hold')
      await holder.finished()
      await events.receives('begun')
      await session.remains({ inUse: 1 })
      client.leave('FIN')
      return ['/hold', '/sse']
    },
  },
  {
    name: 'refuses events of @Sse() that waited too long, with an event, for their head was sent',
    setup: { limit: { queueTimeout: 10 } },
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const refused = session.request('/sse')
      await refused.receives('data: No permit became free in time.')
      await refused.finished()
      await session.open('/hold')
      await holder.finished()
      return ['/hold']
    },
  },
  {
    name: 'tears the interceptors around the limit down, for the client leaves while it waits',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      client.request('/json?around')
      await session.until({ waiting: 1 })
      client.leave('RST')
      await session.until({ waiting: 0, marks: 'torn down' })
      await session.open('/hold')
      await holder.finished()
      return ['/hold']
    },
  },
  ...(['sse', 'observable'] as const).map(
    (name): Scenario => ({
      name: {
        sse: "tears events of @Sse() down with releaseOn: 'settled', for the client leaves",
        observable: "tears a handler's Observable down with releaseOn: 'settled', for the client leaves",
      }[name],
      setup: { limit: { releaseOn: 'settled' } },
      async play(session) {
        const client = session.client()
        client.request(`/${name}`)
        await session.until({ inUse: 1 })
        await session.remains({ inUse: 1 })
        client.leave('RST')
        await session.until({ marks: 'torn down' })
        return [`/${name}`]
      },
    }),
  ),
]

export const nest: Chapter = {
  title: 'Nest',
  scenarios: scenarios.map((scenario) => ({ ...scenario, family: 'nest' })),
}
