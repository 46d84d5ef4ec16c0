import type { Chapter } from '../scenario.ts'
import type { Target } from '../targets.ts'

/** These frameworks call their handlers without telling a middleware when they are done. */
const hearsOfHandlers = ({ family }: Target): boolean => !['express', 'connect', 'fastify'].includes(family)

export const holding: Chapter = {
  title: 'The permit is held too long, or shorter',
  scenarios: [
    {
      name: 'by a client that stops reading and stays',
      async play(session) {
        const client = session.client()
        await client.request('/flood').answered()
        client.stall()
        await session.untilStuck()
        await session.until({ inUse: 0 })
        return ['/flood']
      },
    },
    {
      name: 'by a client that stops reading and stays, with maxHold',
      setup: { limit: { maxHold: 30 } },
      async play(session) {
        const client = session.client()
        await client.request('/flood').answered()
        client.stall()
        await session.until({ inUse: 0 })
        return ['/flood']
      },
    },
    {
      name: 'by a handler that never answers, with maxHold, which ends its response',
      setup: { limit: { maxHold: 30 } },
      async play(session) {
        const exchange = session.request('/never')
        await exchange.isOver()
        return ['/never']
      },
    },
    {
      name: 'by a stream that never ends, with maxHold, which ends its response',
      setup: { limit: { maxHold: 30 } },
      async play(session) {
        const exchange = session.request('/stream')
        await exchange.isOver()
        return ['/stream']
      },
    },
    {
      name: 'by a handler that answers late, with maxHold, which lets it answer',
      setup: { limit: { maxHold: 30, onMaxHold: 'release' } },
      async play(session) {
        const exchange = session.request('/hold')
        await session.until({ entered: 1, inUse: 0 })
        await session.open('/hold')
        await exchange.finished()
        return ['/hold']
      },
    },
    {
      name: "until the head is sent, with releaseOn: 'headers'",
      setup: { limit: { releaseOn: 'headers' } },
      async play(session) {
        const waits = session.request('/hold?1')
        await session.until({ inUse: 1 })
        await session.remains({ inUse: 1 })
        await session.open('/hold?1')
        await waits.finished()
        const streams = session.request('/stream?2')
        await streams.receives('begun')
        await session.until({ inUse: 0 })
        await session.open('/stream?2')
        await streams.receives('done')
        await streams.finished()
        return ['/hold?1', '/stream?2']
      },
    },
    {
      name: "until the handler is done, with releaseOn: 'settled', though its client has left",
      where: hearsOfHandlers,
      setup: { limit: { releaseOn: 'settled' } },
      async play(session) {
        const client = session.client()
        client.request('/hold')
        await session.until({ inUse: 1 })
        client.leave('RST')
        // Web runtimes do not tell the suite who left.
        if (session.host === 'node') await session.until({ gone: 1 })
        await session.remains({ inUse: 1 })
        await session.open('/hold')
        return ['/hold']
      },
    },
  ],
}
