import type { Chapter } from '../scenario.ts'

const body = 'x'.repeat(100)

export const uploads: Chapter = {
  title: 'The request has a body',
  scenarios: [
    {
      name: 'that is read',
      async play(session) {
        await session.request('/upload', { method: 'POST', body }).receives('received 100')
        return ['/upload']
      },
    },
    {
      name: 'that nobody reads',
      async play(session) {
        await session.request('/json', { method: 'POST', body }).finished()
        return ['/json']
      },
    },
    {
      name: 'of a megabyte that nobody reads',
      async play(session) {
        await session.request('/json', { method: 'POST', body: 'x'.repeat(1 << 20) }).answered()
        return ['/json']
      },
    },
    {
      name: 'of a megabyte that comes while it waits, and is read whole',
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const upload = session.request('/upload', { method: 'POST', body: 'x'.repeat(1 << 20) })
        await session.until({ waiting: 1 })
        await session.open('/hold')
        await upload.receives('received 1048576')
        await holder.finished()
        return ['/hold', '/upload']
      },
    },
    {
      name: 'and the client leaves while it is read',
      async play(session) {
        const client = session.client()
        client.request('/upload', { method: 'POST', body, sent: 10 })
        await session.until({ inUse: 1 })
        await session.remains({ inUse: 1 })
        client.leave('RST')
        return ['/upload']
      },
    },
    {
      name: 'and the client leaves while nobody reads it',
      async play(session) {
        const client = session.client()
        client.request('/never', { method: 'POST', body, sent: 10 })
        await session.until({ inUse: 1 })
        client.leave('RST')
        return ['/never']
      },
    },
    {
      name: 'and the client leaves in the middle of it while it waits',
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const client = session.client()
        client.request('/upload', { method: 'POST', body, sent: 10 })
        await session.until({ waiting: 1 })
        client.leave('RST')
        await session.until({ waiting: 0 })
        await session.open('/hold')
        await holder.finished()
        return ['/hold']
      },
    },
    {
      name: 'and the client leaves in the middle of a megabyte of it while it waits',
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const client = session.client()
        client.request('/upload', { method: 'POST', body: 'x'.repeat(2 << 20), sent: 1 << 20 })
        await session.until({ waiting: 1 })
        // Whatever is read ahead has been.
        await session.remains({ waiting: 1 })
        client.leave('FIN')
        await session.until({ waiting: 0 })
        await session.open('/hold')
        await holder.finished()
        return ['/hold']
      },
    },
    {
      name: 'that was read, and the client leaves a handler that never answers',
      async play(session) {
        const client = session.client()
        client.request('/upload-never', { method: 'POST', body })
        await session.until({ marks: 'read' })
        await session.remains({ inUse: 1 })
        client.leave('RST')
        return ['/upload-never']
      },
    },
    {
      name: 'after Expect: 100-continue',
      async play(session) {
        const expect = { method: 'POST', body, sent: 0, headers: { expect: '100-continue' } }
        const exchange = session.request('/upload', expect)
        await exchange.mayContinue()
        exchange.sendRest()
        await exchange.receives('received 100')
        return ['/upload']
      },
    },
    {
      name: 'after Expect: 100-continue, and the client leaves while it waits',
      async play(session) {
        const holder = session.request('/hold')
        await session.until({ inUse: 1 })
        const client = session.client()
        client.request('/upload', { method: 'POST', body, sent: 0, headers: { expect: '100-continue' } })
        await session.until({ waiting: 1 })
        client.leave('RST')
        await session.until({ waiting: 0 })
        await session.open('/hold')
        await holder.finished()
        return ['/hold']
      },
    },
  ],
}
