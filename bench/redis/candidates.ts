import { redisLimiter } from '@lineclear/redis'
import Bottleneck from 'bottleneck'
import { Redis } from 'ioredis'
import { Semaphore } from 'redis-semaphore'

/** How long a process may be silent before its permits go to others, in ms, where that can be set. */
export const LEASE = 3000

/** One of many who contend for a limit: does the work with a permit, once there is one. */
type Contender = (work: () => Promise<void> | void) => Promise<void>

/** What all contenders of a process share; returns a new contender. */
export type Candidate = (port: number, name: string, limit: number) => () => Contender

function lineclear(mode: 'strict' | 'local-first'): Candidate {
  return (port, name, limit) => {
    // `closed`, since permits given out without Redis would count for nothing.
    const options = { name, limit, mode, queue: Infinity, lease: LEASE, degraded: 'closed' } as const
    const limiter = redisLimiter(new Redis({ port }), options)
    return () => async (work) => {
      const permit = await limiter.acquire()
      await work()
      permit.release()
    }
  }
}

export const candidates = {
  lineclear: lineclear('strict'),
  'lineclear, local-first': lineclear('local-first'),
  'redis-semaphore': (port, name, limit) => {
    const client = new Redis({ port })
    // Its defaults but for the lease, and for the time-out, which it would reach.
    const options = { lockTimeout: LEASE, acquireTimeout: 120_000 }
    return () => {
      const semaphore = new Semaphore(client, name, limit, options)
      return async (work) => {
        await semaphore.acquire()
        await work()
        await semaphore.release()
      }
    }
  },
  bottleneck: (port, name, limit) => {
    const bottleneck = new Bottleneck({
      id: name,
      maxConcurrent: limit,
      datastore: 'ioredis',
      Redis,
      clientOptions: { port },
    })
    return () => (work) => bottleneck.schedule(async () => work())
  },
} satisfies Record<string, Candidate>

export type CandidateName = keyof typeof candidates
