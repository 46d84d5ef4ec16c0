import type { Chapter, Scenario } from '../scenario.ts'
import type { Target } from '../targets.ts'

/** On a bare server, what a handler throws reaches the process; scenarios/node.ts has that. */
const handlesErrors = ({ family }: Target): boolean => family !== 'node'

export const failing: Chapter = {
  title: 'The server fails',
  scenarios: [
    {
      name: 'for the handler throws',
      where: handlesErrors,
      async play(session) {
        await session.request('/throw').finished(500)
        return ['/throw']
      },
    },
    {
      name: 'for the handler rejects',
      where: handlesErrors,
      // Where nobody looks at what a handler returns.
      noise: /broken handler/,
      async play(session) {
        const client = session.client()
        const exchange = client.request('/reject')
        await session.until({ entered: 1 })
        await session.untilOver(exchange, client)
        return ['/reject']
      },
    },
    {
      name: 'for the handler throws after the head was sent',
      where: handlesErrors,
      async play(session) {
        const client = session.client()
        const exchange = client.request('/throw-late')
        await exchange.receives('begun')
        await session.untilOver(exchange, client)
        return ['/throw-late']
      },
    },
    {
      name: 'for a body fails in the middle',
      async play(session) {
        const client = session.client()
        const exchange = client.request('/broken-stream')
        await exchange.receives('begun')
        await session.remains({ inUse: 1 })
        await session.open('/broken-stream')
        await session.untilOver(exchange, client)
        return ['/broken-stream']
      },
    },
    {
      name: 'for a source fails that is piped without care, and the client leaves',
      host: 'node',
      // Elsewhere bodies are handed over, and the server pipes them itself.
      where: ({ family }) => family !== 'hono' && family !== 'fetch',
      async play(session) {
        const client = session.client()
        await client.request('/broken-pipe').receives('begun')
        await session.open('/broken-pipe')
        await session.until({ marks: 'broken' })
        await session.remains({ inUse: 1 })
        client.leave('RST')
        return ['/broken-pipe']
      },
    },
    ...['/destroy-response', '/destroy-socket'].map(
      (path): Scenario => ({
        name: `for the handler destroys the ${path.slice('/destroy-'.length)}`,
        host: 'node',
        async play(session) {
          await session.request(path).isOver()
          return [path]
        },
      }),
    ),
  ],
}
