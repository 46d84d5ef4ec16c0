import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { BoundedSemaphore } from '@lineclear/core'
import { limit } from '@lineclear/express'
import { type RedisLimiter, type RedisLimiterOptions, redisLimiter } from '@lineclear/redis'
import { Child, serve } from './child.ts'
import { heap } from './heap.ts'
import type { Contestant } from './interleave.ts'

// What one of many takes, measured in a child of its own: `Holding` in the parent, the rest in the child.

/** Long enough never to come. */
const TIMEOUT = 3_600_000

/** Prepares so many, which counts for nothing; then the returned function makes each, and returns what keeps it. */
type Prepare = (count: number) => ((place: number) => unknown) | Promise<(place: number) => unknown>

export const holdings = {
  'a promise alone': () => () => new Promise(() => {}),
  'a waiter': () => {
    const semaphore = new BoundedSemaphore(0)
    return () => semaphore.acquire()
  },
  'a waiter with a time-out': () => {
    const semaphore = new BoundedSemaphore(0)
    return () => semaphore.acquire({ timeout: TIMEOUT })
  },
  'a waiter with a signal of its own': (count) => {
    const semaphore = new BoundedSemaphore(0)
    const signals = Array.from({ length: count }, () => new AbortController().signal)
    return (place) => semaphore.acquire({ signal: signals[place] })
  },
  'a waiter with a signal that all share': () => {
    const semaphore = new BoundedSemaphore(0)
    const { signal } = new AbortController()
    return () => semaphore.acquire({ signal })
  },
  'a held permit': (count) => {
    const semaphore = new BoundedSemaphore(count)
    return () => semaphore.tryAcquire()
  },
  'a waiter of redisLimiter': () => {
    const limiter = cutOff({ limit: 0 })
    return () => limiter.acquire()
  },
  'a waiter of redisLimiter with a time-out': () => {
    const limiter = cutOff({ limit: 0 })
    return () => limiter.acquire({ timeout: TIMEOUT })
  },
  'a held permit of redisLimiter': async () => {
    const limiter = await new Promise<RedisLimiter>((resolve) => {
      const limiter = cutOff({ degraded: 'open', answerWithin: 1, onDegraded: () => resolve(limiter) })
      limiter.acquire()
    })
    return () => limiter.tryAcquire()
  },
  'an admitted request': (count) => requests(count, new BoundedSemaphore(count)),
  'a waiting request': (count) => requests(count, new BoundedSemaphore(0)),
} satisfies Record<string, Prepare>

export type HoldingName = keyof typeof holdings

/** Measures the bytes that each of `count` takes. */
export class Holding implements Contestant<'bytes'> {
  readonly name: HoldingName
  readonly #count: number
  readonly #child: Child

  constructor(name: HoldingName, count: number) {
    this.name = name
    this.#count = count
    this.#child = new Child(import.meta.url, [name])
  }

  async measure(): Promise<{ bytes: number }> {
    return { bytes: await this.#child.ask(String(this.#count)) }
  }

  stop(): void {
    this.#child.stop()
  }
}

/** Its Redis never answers. */
function cutOff(options: Partial<RedisLimiterOptions>): RedisLimiter {
  const never = (): Promise<never> => new Promise(() => {})
  const duplicate = () => ({ on() {}, disconnect() {}, connect: never })
  const client = { evalsha: never, eval: never, duplicate }
  return redisLimiter(client, { name: 'bench', limit: 1, queue: Infinity, onDegraded: () => {}, ...options })
}

/** Requests over as many connections have come, and are held up, before the middleware sees them. */
async function requests(count: number, limiter: BoundedSemaphore): Promise<(place: number) => unknown> {
  const arrived: [IncomingMessage, ServerResponse][] = []
  const server = createServer((req, res) => arrived.push([req, res]))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  while (arrived.length < count) {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET / HTTP/1.1\r\nHost: bench\r\n\r\n')
    await once(server, 'request')
    clients.push(socket)
  }
  server.close()
  const middleware = limit({ limiter, queueTimeout: TIMEOUT })
  const next = (): void => {}
  return (place) => {
    const [req, res] = arrived[place] as [IncomingMessage, ServerResponse]
    return middleware(req as never, res as never, next)
  }
}

/** What the last measurement made, for the garbage collector to leave alone until the next one. */
const kept: unknown[] = []
const clients: { destroy(): void }[] = []

async function measure(name: HoldingName, count: number): Promise<number> {
  for (const client of clients.splice(0)) client.destroy()
  kept.length = 0
  const make = await holdings[name](count)
  const each = new Array<unknown>(count).fill(undefined)
  const before = await heap()
  for (let i = 0; i < count; i++) each[i] = make(i)
  const after = await heap()
  kept.push(make, each)
  return (after - before) / count
}

if (process.send !== undefined) {
  const [name] = process.argv.slice(2) as [HoldingName]
  serve((count) => measure(name, Number(count)))
}
