import type { Chapter, Scenario } from '../scenario.ts'

const scenarios: Scenario[] = [
  {
    name: 'close() lets those inside and those who wait be served',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const waiter = session.request('/json')
      await session.until({ waiting: 1 })
      await session.perform('close')
      await session.remains({ inUse: 1, waiting: 1 })
      await session.open('/hold')
      await Promise.all([holder.finished(), waiter.finished()])
      return ['/hold', '/json']
    },
  },
  {
    name: 'closeAllConnections() frees those inside and those who wait',
    protocol: 'HTTP/1',
    // Several of each, by turns: whichever order they are closed in, some that wait come after some that
    // are inside, and must not be let in by them.
    setup: { permits: 5 },
    async play(session) {
      const clients = Array.from({ length: 10 }, () => session.client())
      for (const client of clients) await client.request('/no-content').finished(204)
      await session.until({ inUse: 0 })
      for (const inside of clients.filter((_, i) => i % 2 === 0)) inside.request('/never')
      await session.until({ inUse: 5 })
      for (const waits of clients.filter((_, i) => i % 2 === 1)) waits.request('/json')
      await session.until({ waiting: 5 })
      await session.perform('closeAllConnections')
      await session.until({ inUse: 0, waiting: 0 })
      return [...Array(10).fill('/no-content'), ...Array(5).fill('/never')]
    },
  },
  {
    name: 'a graceful shutdown refuses who waits, and drains when the last is out',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const waiter = session.request('/json?waits')
      await session.until({ waiting: 1 })
      await session.perform('closeLimiter')
      await waiter.receives('"closed"')
      await session.request('/json?late').answered(503)
      await session.perform('drain')
      await session.remains({ inUse: 1, marks: 0 })
      await session.open('/hold')
      await holder.finished()
      await session.until({ marks: 'drained' })
      return ['/hold']
    },
  },
  {
    name: "the server's requestTimeout ends an upload that waits",
    protocol: 'HTTP/1',
    setup: { server: { requestTimeout: 50, headersTimeout: 50, connectionsCheckingInterval: 10 } },
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      // More than Node reads ahead, so that nobody sees its end.
      const upload = session.request('/upload', { method: 'POST', body: 'x'.repeat(1 << 20), sent: 1 << 19 })
      await session.until({ waiting: 1 })
      await upload.isOver()
      await session.until({ waiting: 0 })
      await session.open('/hold')
      await holder.finished()
      return ['/hold']
    },
  },
]

export const shutdown: Chapter = {
  title: "A Node server's own means",
  scenarios: scenarios.map((scenario) => ({ ...scenario, host: 'node' })),
}
