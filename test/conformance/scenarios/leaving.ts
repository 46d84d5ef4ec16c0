import type { Departure } from '../client/client.ts'
import type { Chapter, Scenario } from '../scenario.ts'

export const leaving: Chapter = {
  title: 'The client leaves',
  scenarios: [...by('FIN'), ...by('RST'), ...by('half-close')],
}

function by(how: Departure): Scenario[] {
  const scenarios: Scenario[] = [
    {
      name: `while the handler works, which never answers (${how})`,
      async play(session) {
        const client = session.client()
        client.request('/never')
        await session.until({ inUse: 1 })
        await session.remains({ inUse: 1 })
        client.leave(how)
        return ['/never']
      },
    },
    {
      name: `while it waits, and frees its place in the queue (${how})`,
      setup: { queue: 1 },
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const leaver = session.client()
        leaver.request('/json?leaver')
        await session.until({ waiting: 1 })
        leaver.leave(how)
        await session.until({ waiting: 0 })
        const stayer = session.request('/json?stayer')
        await session.until({ waiting: 1 })
        await session.open('/hold')
        await Promise.all([holder.finished(), stayer.finished()])
        return ['/hold', '/json?stayer']
      },
    },
    {
      // Node's HTTP/2 responses to HEAD emit nothing at all then; only their streams do.
      name: `while the handler of a HEAD request works, which never answers (${how})`,
      async play(session) {
        const client = session.client()
        client.request('/never', { method: 'HEAD' })
        await session.until({ inUse: 1 })
        client.leave(how)
        return ['/never']
      },
    },
    {
      name: `while its HEAD request waits (${how})`,
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const leaver = session.client()
        leaver.request('/json', { method: 'HEAD' })
        await session.until({ waiting: 1 })
        leaver.leave(how)
        await session.until({ waiting: 0 })
        await session.open('/hold')
        await holder.finished()
        return ['/hold']
      },
    },
    {
      name: `in an earlier middleware (${how})`,
      async play(session) {
        const client = session.client()
        client.request('/never?before=gate')
        await session.until({ marks: 'arrived' })
        client.leave(how)
        await session.until({ gone: 1 })
        await session.open('gate')
        // Workers are gone with their client.
        if (session.host !== 'workerd') await session.until({ marks: 'passed on' })
        await session.remains({ inUse: 0, waiting: 0 })
        return []
      },
    },
    {
      name: `in the middle of a stream (${how})`,
      async play(session) {
        const client = session.client()
        await client.request('/stream').receives('begun')
        await session.remains({ inUse: 1 })
        client.leave(how)
        return ['/stream']
      },
    },
    {
      name: `server-sent events (${how})`,
      async play(session) {
        const client = session.client()
        await client.request('/sse').receives('begun')
        await session.remains({ inUse: 1 })
        client.leave(how)
        return ['/sse']
      },
    },
  ]
  if (how === 'half-close') return scenarios.map((scenario) => ({ ...scenario, protocol: 'HTTP/1' }))
  return [
    ...scenarios,
    {
      name: `an endless body that it stopped reading (${how})`,
      async play(session) {
        const client = session.client()
        await client.request('/flood').answered()
        client.stall()
        await session.untilStuck()
        await session.remains({ inUse: 1 })
        client.leave(how)
        return ['/flood']
      },
    },
    {
      name: `a large answer, all of it sent by the handler, that it never read (${how})`,
      async play(session) {
        const client = session.client()
        client.request('/large')
        client.stall()
        await session.until({ entered: 1 })
        await session.remains({ inUse: 1 })
        client.leave(how)
        return ['/large']
      },
    },
    {
      name: `as soon as it sees the answer (${how})`,
      async play(session) {
        const client = session.client()
        await client.request('/json').answered()
        client.leave(how)
        return ['/json']
      },
    },
    {
      name: `in the moment it has asked (${how})`,
      async play(session) {
        const client = session.client()
        await client.request('/json').finished()
        client.request('/json')
        client.leave(how)
        return undefined
      },
    },
  ]
}
