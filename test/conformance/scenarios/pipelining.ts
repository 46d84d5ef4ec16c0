import type { Chapter, Scenario } from '../scenario.ts'

/** A request acquires when its response heads its connection: until then it is neither inside nor waiting. */
const scenarios: Scenario[] = [
  {
    name: 'one after the other, each a permit in its turn',
    setup: { permits: 2 },
    async play(session) {
      const client = session.client()
      const [first, second] = [client.request('/hold?1'), client.request('/hold?2')]
      await session.until({ inUse: 1 })
      await session.remains({ inUse: 1, waiting: 0, entered: 1 })
      await session.open('/hold?1')
      await first.finished()
      await session.until({ entered: 2 })
      await session.remains({ inUse: 1 })
      await session.open('/hold?2')
      await second.finished()
      return ['/hold?1', '/hold?2']
    },
  },
  {
    name: 'and the client leaves before the first is answered',
    setup: { permits: 3 },
    async play(session) {
      const client = session.client()
      client.request('/never?1')
      client.request('/never?2')
      client.request('/upload', { method: 'POST', body: 'some' })
      await session.until({ inUse: 1 })
      await session.remains({ inUse: 1, waiting: 0 })
      client.leave('RST')
      await session.until({ inUse: 0 })
      await session.remains({ inUse: 0, waiting: 0 })
      return ['/never?1']
    },
  },
  {
    name: 'and the client leaves in the middle of the second',
    setup: { permits: 2 },
    async play(session) {
      const client = session.client()
      client.request('/json?1')
      await client.request('/stream?2').receives('begun')
      client.request('/json?3')
      await session.remains({ inUse: 1 })
      client.leave('RST')
      return ['/json?1', '/stream?2']
    },
  },
  {
    name: 'thirty at once, without a warning',
    async play(session) {
      const client = session.client()
      const paths = Array.from({ length: 30 }, (_, i) => `/json?${i}`)
      const exchanges = paths.map((path) => client.request(path))
      await Promise.all(exchanges.map((exchange) => exchange.finished()))
      return paths
    },
  },
  {
    name: 'thirty at once, while another connection holds the permit',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      const paths = Array.from({ length: 30 }, (_, i) => `/json?${i}`)
      const exchanges = paths.map((path) => client.request(path))
      await session.until({ waiting: 1 })
      await session.remains({ waiting: 1 })
      await session.open('/hold')
      await Promise.all([holder, ...exchanges].map((exchange) => exchange.finished()))
      return ['/hold', ...paths]
    },
  },
  {
    name: 'ten that wait, and the client leaves',
    setup: { queue: 1 },
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      for (let i = 0; i < 10; i++) client.request(`/json?${i}`)
      await session.until({ waiting: 1 })
      await session.remains({ waiting: 1 })
      client.leave('RST')
      await session.until({ waiting: 0 })
      const stayer = session.request('/json?stayer')
      await session.until({ waiting: 1 })
      await session.open('/hold')
      await Promise.all([holder.finished(), stayer.finished()])
      return ['/hold', '/json?stayer']
    },
  },
  {
    name: 'and the second overtakes the first in an earlier middleware',
    async play(session) {
      const client = session.client()
      const first = client.request('/json?before=gate')
      const second = client.request('/json?2')
      await session.until({ marks: 'arrived' })
      await session.remains({ inUse: 0, waiting: 0, entered: 0 })
      await session.open('gate')
      await Promise.all([first.finished(), second.finished()])
      return ['/json?before=gate', '/json?2']
    },
  },
  {
    name: 'and the second overtakes a first that has to wait',
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      const first = client.request('/json?before=gate')
      const second = client.request('/json?2')
      await session.until({ marks: 'arrived' })
      await session.remains({ waiting: 0 })
      await session.open('gate')
      await session.until({ waiting: 1 })
      await session.open('/hold')
      await Promise.all([holder.finished(), first.finished(), second.finished()])
      return ['/hold', '/json?before=gate', '/json?2']
    },
  },
  {
    name: 'behind a refusal',
    setup: { queue: 0 },
    async play(session) {
      const holder = session.request('/hold')
      await session.until({ inUse: 1 })
      const client = session.client()
      const refused = ['/json?1', '/json?2'].map((path) => client.request(path))
      await Promise.all(refused.map((exchange) => exchange.finished(503)))
      await session.open('/hold')
      await holder.finished()
      await session.until({ inUse: 0 })
      await client.request('/json?3').finished()
      return ['/hold', '/json?3']
    },
  },
]

export const pipelining: Chapter = {
  title: 'Requests are pipelined',
  scenarios: scenarios.map((scenario) => ({ ...scenario, protocol: 'HTTP/1' })),
}
