import type { Chapter, Scenario } from '../scenario.ts'

// What a listener throws is the process's business, and nobody answers then.
const noise = /broken handler/
const THROWN = 'Error: broken handler'
const REJECTED = 'unhandled Error: broken handler'

const scenarios: Scenario[] = [
  ...['throw', 'reject', 'throw-late'].map(
    (name): Scenario => ({
      name: {
        throw: 'throws in the listener, and the client leaves',
        reject: 'rejects in the listener, and the client leaves',
        'throw-late': 'throws in the listener after the head was sent, and the client leaves',
      }[name] as string,
      noise,
      async play(session) {
        const client = session.client()
        client.request(`/${name}`)
        await session.until({ noise: name === 'reject' ? REJECTED : THROWN })
        await session.remains({ inUse: 1 })
        client.leave('RST')
        return [`/${name}`]
      },
    }),
  ),
  {
    name: 'throws in a listener that had to wait, and the client leaves',
    noise,
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      client.request('/throw')
      await session.until({ waiting: 1 })
      await session.open('/hold')
      await holder.finished()
      await session.until({ noise: THROWN })
      await session.remains({ inUse: 1 })
      client.leave('RST')
      return ['/hold', '/throw']
    },
  },
  {
    name: "rejects in the listener, with releaseOn: 'settled', and the client leaves",
    setup: { limit: { releaseOn: 'settled' } },
    noise,
    async play(session) {
      const client = session.client()
      client.request('/reject')
      await session.until({ noise: REJECTED })
      await session.remains({ inUse: 1 })
      client.leave('RST')
      return ['/reject']
    },
  },
]

export const node: Chapter = {
  title: 'node:http',
  scenarios: scenarios.map((scenario) => ({ ...scenario, family: 'node' })),
}
