import type { Chapter, Scenario } from '../scenario.ts'

const scenarios: Scenario[] = [
  ...['next-route', 'next-router', 'next-twice', 'redirect-inside'].map(
    (name): Scenario => ({
      name: {
        'next-route': "goes on with next('route')",
        'next-router': "goes on with next('router')",
        'next-twice': 'calls next() twice',
        'redirect-inside': 'sends the request through the application again',
      }[name] as string,
      async play(session) {
        await session.request(`/${name}`).finished()
        await session.remains({ marks: 0 })
        return undefined
      },
    }),
  ),
  {
    name: 'answers in an earlier middleware, and passes the request on at once',
    async play(session) {
      await session.request('/json?answer=at-once').finished()
      await session.remains({ inUse: 0 })
      return []
    },
  },
  {
    name: 'goes on with next(error)',
    async play(session) {
      await session.request('/next-error').finished(500)
      return ['/next-error']
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
    name: 'sends a file, and the client leaves in the middle',
    async play(session) {
      const client = session.client()
      await client.request('/send-file').answered()
      client.stall()
      await session.remains({ inUse: 1 })
      client.leave('RST')
      return ['/send-file']
    },
  },
]

export const express: Chapter = {
  title: 'Express',
  scenarios: scenarios.map((scenario) => ({ ...scenario, family: 'express' })),
}
