import type { Chapter, Scenario } from '../scenario.ts'

const scenarios: Scenario[] = [
  {
    name: 'answers by hand later, with ctx.respond = false',
    async play(session) {
      const exchange = session.request('/respond-false')
      await session.until({ inUse: 1 })
      await session.remains({ inUse: 1 })
      await session.open('/respond-false')
      await exchange.receives('by hand')
      return ['/respond-false']
    },
  },
  {
    name: 'throws in a middleware after next()',
    async play(session) {
      await session.request('/throw-after-next').finished(500)
      return ['/throw-after-next']
    },
  },
  {
    name: 'has no such route: 404',
    async play(session) {
      await session.request('/missing').finished(404)
      return ['/missing']
    },
  },
  {
    name: 'has a body that fails before it is sent',
    // Koa 3 does not listen for it until then, and it reaches the process, limit or no limit.
    noise: /broken source/,
    async play(session) {
      const client = session.client()
      const exchange = client.request('/broken-before')
      await session.until({ entered: 1 })
      await session.untilOver(exchange, client)
      return ['/broken-before']
    },
  },
]

export const koa: Chapter = {
  title: 'Koa',
  scenarios: scenarios.map((scenario) => ({ ...scenario, family: 'koa' })),
}
