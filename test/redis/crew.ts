import type { AcquireRequest } from '@lineclear/core'
import { type RedisLimiter, type RedisLimiterOptions, redisLimiter } from '@lineclear/redis'
import { Asked } from '../core/helpers.ts'
import type { UsersClient } from './clients.ts'
import type { Server } from './servers.ts'
import { until } from './until.ts'

/** In ms. Short, since a server that was started less than a lease ago grants nothing for a lease. */
export const LEASE = 2000

/** Waits until servers have been up for so long that the first to come is served at once. */
export async function ripe(lease: number, ...servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    await until('the server has been up for longer than a lease', async () => {
      return 1000 * Number((await server.info('server')).uptime_in_seconds) > lease
    })
  }
}

let names = 0

/** A name that no other limiter has. */
export function newName(): string {
  return `limiter-${process.pid}-${names++}`
}

/** One call of `acquire` of a redisLimiter. */
export class Request extends Asked {
  readonly permit: ReturnType<RedisLimiter['acquire']>

  constructor(permit: ReturnType<RedisLimiter['acquire']>) {
    super(permit)
    this.permit = permit
  }
}

/** Limiters of one name, each as if in a process of its own, and those who ask them. */
export class Crew {
  readonly name: string = newName()
  readonly limiters: RedisLimiter[] = []
  readonly #options: Partial<RedisLimiterOptions>
  readonly #requests: Request[] = []
  readonly #key: string | undefined

  constructor(options: Partial<RedisLimiterOptions> = {}, key?: string) {
    this.#options = { lease: LEASE, answerWithin: LEASE / 2, ...options }
    this.#key = key
  }

  join({ client }: UsersClient, options: Partial<RedisLimiterOptions> = {}): RedisLimiter {
    const limiter = redisLimiter(client, { name: this.name, limit: 1, ...this.#options, ...options })
    this.limiters.push(limiter)
    return limiter
  }

  /** With the crew's key where the request says nothing else. */
  ask(limiter: RedisLimiter, request?: AcquireRequest): Request {
    const asked = new Request(limiter.acquire(this.with(request)))
    this.#requests.push(asked)
    return asked
  }

  with(request: AcquireRequest | undefined): AcquireRequest | undefined {
    return this.#key === undefined ? request : { key: this.#key, ...request }
  }

  /** Until so many wait, as Redis sees it. */
  async waiting(count: number): Promise<void> {
    await this.#until(`${count} wait`, async (limiter) => (await limiter.stats(this.#key)).waiting === count)
  }

  /** Until so many permits are in use, as Redis sees it. */
  async used(count: number): Promise<void> {
    await this.#until(
      `${count} are in use`,
      async (limiter) => (await limiter.stats(this.#key)).inUse === count,
    )
  }

  /** Until whatever was on its way when this was called has arrived. */
  async quiet(): Promise<void> {
    for (const limiter of this.limiters) for (let i = 0; i < 3; i++) await limiter.stats(this.#key)
  }

  /** Gives back what is held, and closes all. */
  async end(): Promise<void> {
    const closed = this.limiters.map((limiter) => limiter.close())
    for (const { permit } of this.#requests) {
      permit.then(
        (permit) => permit.release(),
        () => {},
      )
    }
    await Promise.all(closed)
  }

  #until(what: string, is: (limiter: RedisLimiter) => Promise<boolean>): Promise<void> {
    return until(what, () => is(this.limiters[0] as RedisLimiter))
  }
}
