import { setTimeout as sleep } from 'node:timers/promises'
import { Server } from '../servers.ts'
import type { Crowd, CrowdOptions } from './crowd.ts'
import { crowdOf, type Fault, type Outcome, type Setting } from './fault.ts'
import { now } from './observer.ts'

// What else happens, one upon the other, in any order.

interface Blow {
  readonly name: string
  strike(server: Server, crowd: Crowd): Promise<unknown>
}

const blows: readonly Blow[] = [
  { name: 'SCRIPT FLUSH', strike: (server) => server.flushScripts() },
  { name: 'CLIENT KILL TYPE pubsub', strike: (server) => server.killClients('pubsub') },
  { name: 'CLIENT KILL TYPE normal', strike: (server) => server.killClients('normal') },
  {
    name: 'SIGSTOP of a process',
    async strike(_, crowd) {
      const member = anyOf(crowd.living)
      // Its lease is fresh then. Some of it; longer would let others in.
      await crowd.entered([member], now())
      member.pause()
      await sleep(Math.random() * 0.4 * crowd.lease)
      member.resume()
    },
  },
  {
    name: 'SIGSTOP of Redis',
    async strike(server, crowd) {
      server.pause()
      await sleep(Math.random() * crowd.lease)
      server.resume()
    },
  },
  {
    name: 'SIGKILL of a process',
    async strike(_, crowd) {
      anyOf(crowd.living).kill()
      await crowd.add(1)
    },
  },
  {
    name: 'a process leaves',
    async strike(_, crowd) {
      await anyOf(crowd.living).leave()
      await crowd.add(1)
    },
  },
  {
    name: 'a restart of Redis',
    async strike(server) {
      await server.restart()
    },
  },
]

function stormOn(name: string, options: Omit<CrowdOptions, 'redis'>): Fault {
  return { name, run: (setting) => run(setting, options) }
}

export const storm: Fault = stormOn('a storm of all that', { weights: [1, 1, 2] })
export const stormLocalFirst: Fault = stormOn('the same storm, local-first', {
  limiter: { mode: 'local-first' },
})
export const stormPerKey: Fault = stormOn('the same storm, per key', {
  keys: ['a', 'b'],
  limiter: { perKey: true, limit: 2 },
})

async function run(
  { kind, processes, seconds, own }: Setting,
  options: Omit<CrowdOptions, 'redis'>,
): Promise<Outcome> {
  const server = own(await Server.start({ kind, appendOnly: true }))
  const crowd = await crowdOf(processes, { redis: server.port, ...options }, own)
  const start = now()
  const struck: string[] = []
  while (now() < start + seconds * 1000) {
    const blow = anyOf(blows)
    struck.push(blow.name)
    await blow.strike(server, crowd)
    await sleep(Math.random() * 400)
  }
  const figures = crowd.figures(start)
  try {
    crowd.neverOver()
    await crowd.entered(crowd.living, now())
    await crowd.end()
  } catch (error) {
    throw new Error(`after ${struck.join(', ')}: ${(error as Error).message}`, { cause: error })
  }
  return { figures, note: `${struck.length} blows` }
}

function anyOf<T>(things: readonly T[]): T {
  return things[Math.floor(Math.random() * things.length)] as T
}
