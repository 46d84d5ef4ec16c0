import type { Chapter } from '../scenario.ts'

export const answers: Chapter = {
  title: 'The handler answers',
  scenarios: [
    {
      name: 'JSON',
      async play(session) {
        await session.request('/json').finished()
        return ['/json']
      },
    },
    {
      name: 'HEAD',
      async play(session) {
        const client = session.client()
        const exchange = client.request('/json', { method: 'HEAD' })
        await session.until({ entered: 1 })
        await session.untilOver(exchange, client, 'HEAD')
        return ['/json']
      },
    },
    {
      name: 'HEAD of a stream',
      async play(session) {
        const client = session.client()
        const exchange = client.request('/stream', { method: 'HEAD' })
        await session.until({ entered: 1 })
        await session.open('/stream')
        await session.untilOver(exchange, client, 'HEAD')
        return ['/stream']
      },
    },
    {
      name: '204',
      async play(session) {
        await session.request('/no-content').finished(204)
        return ['/no-content']
      },
    },
    {
      name: '304',
      async play(session) {
        await session.request('/not-modified').finished(304)
        return ['/not-modified']
      },
    },
    {
      name: 'later, and keeps its permit until then',
      async play(session) {
        const exchange = session.request('/hold')
        await session.until({ inUse: 1 })
        await session.remains({ inUse: 1 })
        await session.open('/hold')
        await exchange.finished()
        return ['/hold']
      },
    },
    {
      name: 'with a stream, and keeps its permit until its end',
      async play(session) {
        const exchange = session.request('/stream')
        await exchange.receives('begun')
        await session.remains({ inUse: 1 })
        await session.open('/stream')
        await exchange.receives('done')
        await exchange.finished()
        return ['/stream']
      },
    },
    {
      name: 'each request of a connection that is kept alive',
      async play(session) {
        const client = session.client()
        const paths = ['/json?1', '/hold?2', '/no-content?3', '/stream?4', '/json?5']
        for (const path of paths) {
          const exchange = client.request(path)
          await session.open(path)
          await exchange.finished(path.startsWith('/no') ? 204 : 200)
          await session.until({ inUse: 0 })
        }
        return paths
      },
    },
  ],
}
