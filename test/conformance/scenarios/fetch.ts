import type { Chapter, Scenario } from '../scenario.ts'

const scenarios: Scenario[] = [
  {
    name: 'keeps the permit beyond its answer',
    async play(session) {
      await session.request('/keep').finished()
      await session.remains({ inUse: 1 })
      await session.open('/keep')
      return ['/keep']
    },
  },
  {
    name: 'returns the clone of a Response',
    async play(session) {
      await session.request('/clone').receives('cloned')
      return ['/clone']
    },
  },
  {
    name: 'has no such route: 404',
    async play(session) {
      await session.request('/missing').finished(404)
      return ['/missing']
    },
  },
]

export const fetching: Chapter = {
  title: 'A fetch handler',
  scenarios: scenarios.map((scenario) => ({ ...scenario, family: 'fetch' })),
}
