import type { Chapter, Scenario } from '../scenario.ts'

const asks = { headers: { connection: 'Upgrade', upgrade: 'test' } }

const listened: Scenario = {
  name: 'that the server listens for passes the middleware by',
  protocol: 'HTTP/1',
  host: 'node',
  setup: { upgrades: true },
  async play(session) {
    const client = session.client()
    await client.request('/json', asks).answered(101)
    await session.remains({ inUse: 0 })
    client.leave('FIN')
    return []
  },
}

const unheard: Scenario = {
  name: 'that nobody listens for is served as any request',
  protocol: 'HTTP/1',
  // Hono's Node server listens, for the sake of websockets.
  where: ({ family }, host) => family !== 'hono' || host !== 'node',
  async play(session) {
    await session.request('/json', asks).finished()
    return ['/json']
  },
}

export const upgrades: Chapter = {
  title: 'An upgrade',
  scenarios: [listened, unheard],
}
