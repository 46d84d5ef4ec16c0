import type { Chapter } from '../scenario.ts'

export const stalled: Chapter = {
  title: 'The client stops reading, and stays',
  scenarios: [
    {
      name: 'and keeps its permit no longer than that of others',
      async play(session) {
        const client = session.client()
        await client.request('/flood').answered()
        client.stall()
        await session.untilStuck()
        await session.until({ inUse: 0 })
        return ['/flood']
      },
    },
  ],
}
