import type { Client, Departure } from '../client/client.ts'
import type { Chapter } from '../scenario.ts'

const PATHS = [
  '/json',
  '/hold',
  '/stream',
  '/never',
  '/sse',
  '/throw',
  '/no-content',
  '/nested/json',
  '/upload',
]
const STAYS = ['stays', 'stays'] as const

export const crowd: Chapter = {
  title: 'A crowd',
  scenarios: [
    {
      name: 'comes and goes, and never are more inside than the limit',
      setup: { permits: 3, queue: 10 },
      async play(session) {
        const random = numbers(7)
        const pick = <T>(from: readonly T[]): T => from[random() % from.length] as T
        // On a bare server, what a handler throws reaches the process.
        const paths = session.target.family === 'node' ? PATHS.filter((path) => path !== '/throw') : PATHS
        const clients: Client[] = []
        const left = new Set<Client>()
        // A FIN means nothing to Workers. Of HTTP/2 over TLS that is reset while it writes, Node now and then
        // hears nothing (packages/http/src/lost-socket.ts): there clients reset their streams alone.
        const last: Departure = session.transport === 'h2s' ? 'FIN' : 'RST'
        const departures: Departure[] = session.host === 'workerd' ? ['RST'] : ['FIN', last]
        for (let i = 0; i < 60; i++) {
          const client = session.client()
          clients.push(client)
          const path = `${pick(paths)}?${i}`
          client.request(path, path.startsWith('/upload') ? { method: 'POST', body: 'some' } : {})
          if (random() % 3 === 0) await session.state()
          const how = pick([...departures, ...STAYS])
          if (how !== 'stays') leave(pick(clients), how)
          if (random() % 2 === 0) await session.open(`${pick(paths)}?${random() % i}`)
        }
        for (const client of clients) leave(client, last)
        return undefined

        // Once: over TLS, Node now and then never closes the socket of a client that leaves by FIN and
        // then by RST, limit or no limit, for the reason in packages/http/src/lost-socket.ts.
        function leave(client: Client, how: Departure): void {
          if (!left.has(client)) client.leave(how)
          left.add(client)
        }
      },
    },
  ],
}

/** The same numbers each time (a linear congruential generator). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state >>> 8
  }
}
