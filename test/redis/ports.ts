import { once } from 'node:events'
import { createServer } from 'node:net'

const given = new Set<number>()

/**
 * A free loopback port below those that the system gives to outgoing connections: one of these could take
 * it, even a client's own attempt to reconnect to it, while its server restarts.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    if (given.has(port)) continue
    const probe = createServer()
    try {
      probe.listen(port, '127.0.0.1')
      await once(probe, 'listening')
    } catch {
      continue
    } finally {
      probe.close()
    }
    given.add(port)
    return port
  }
}
