import type { Chapter } from '../scenario.ts'

export const queued: Chapter = {
  title: 'The request waits',
  scenarios: [
    {
      name: 'and is served in its turn',
      async play(session) {
        const paths = ['/hold?1', '/hold?2', '/hold?3', '/hold?4']
        const exchanges = []
        for (const [waiting, path] of paths.entries()) {
          exchanges.push(session.request(path))
          await session.until(waiting === 0 ? { inUse: 1 } : { waiting })
        }
        for (const [i, exchange] of exchanges.entries()) {
          await session.until({ entered: i + 1, inUse: 1, waiting: 3 - i })
          await session.open(exchange.path)
          await exchange.finished()
        }
        return paths
      },
    },
    {
      name: 'not at all, for the queue is full, and its connection can be used again',
      setup: { queue: 0 },
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const client = session.client()
        await client.request('/json?refused').finished(503)
        await session.open('/hold')
        await holder.finished()
        await session.until({ inUse: 0 })
        await client.request('/json?served').finished()
        return ['/hold', '/json?served']
      },
    },
    {
      name: 'too long, and is refused',
      setup: { limit: { queueTimeout: 10 } },
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const refused = session.request('/json')
        await refused.receives('"timeout"')
        await refused.finished(503)
        await session.remains({ inUse: 1, waiting: 0 })
        await session.open('/hold')
        await holder.finished()
        return ['/hold']
      },
    },
    {
      name: 'and is answered by an earlier middleware meanwhile',
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const exchange = session.request('/json?answer=early')
        await session.until({ waiting: 1 })
        await session.open('early')
        await exchange.receives('answered earlier')
        await session.until({ waiting: 0 })
        await session.open('/hold')
        await holder.finished()
        return ['/hold']
      },
    },
    {
      name: 'in an earlier middleware, which has answered it when it passes it on',
      async play(session) {
        const exchange = session.request('/json?before=gate&answer=early')
        await session.until({ marks: 'arrived' })
        await session.open('early')
        await exchange.receives('answered earlier')
        await exchange.finished()
        await session.open('gate')
        await session.until({ marks: 'passed on' })
        await session.remains({ inUse: 0, waiting: 0 })
        return []
      },
    },
    {
      name: 'and the client leaves while the permit is handed over',
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const leaver = session.client()
        leaver.request('/never')
        await session.until({ waiting: 1 })
        leaver.leave('RST')
        await session.open('/hold')
        await holder.finished()
        return undefined
      },
    },
    {
      name: 'before a nested router with the same limit, which counts once',
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const nested = session.request('/nested/json')
        await session.until({ waiting: 1 })
        await session.open('/hold')
        await Promise.all([holder.finished(), nested.finished()])
        await session.request('/nested/json?again').finished()
        return ['/hold', '/nested/json', '/nested/json?again']
      },
    },
    {
      name: 'together with others of its session, which ends',
      protocol: 'HTTP/2',
      setup: { permits: 2 },
      async play(session) {
        const client = session.client()
        for (const path of ['/never', '/stream', '/json?1', '/json?2']) client.request(path)
        await session.until({ inUse: 2, waiting: 2 })
        client.leave('RST')
        await session.until({ inUse: 0, waiting: 0 })
        return ['/never', '/stream']
      },
    },
  ],
}
