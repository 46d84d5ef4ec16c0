import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { type FleetStats, type RedisLimiterOptions, redisLimiter } from '@lineclear/redis'
import { Cluster, Redis } from 'ioredis'
import { until } from '../until.ts'
import { Member } from './member.ts'
import { type Excess, excesses, type Log, most, now, occupancy, quantile, type Stay } from './observer.ts'
import type { Plan } from './plan.ts'

export interface CrowdOptions extends Partial<Omit<Plan, 'log' | 'limiter' | 'redis'>> {
  readonly redis: Plan['redis']
  readonly limiter?: Partial<RedisLimiterOptions>
}

/** What a run has shown. */
export interface Figures {
  readonly processes: number
  readonly permits: number
  readonly most: number
  /** In ms, for which more was in use than the limit, and by how much at most. */
  readonly over: number
  readonly overBy: number
  readonly occupancy: number
  readonly waitMedian: number
  readonly waitMost: number
  /**
   * The permits of the process that got the fewest, over the mean, of those there from start to end that keep
   * none for long; not a number if there are none.
   */
  readonly leastShare: number
}

export const LEASE = 800
export const ANSWER_WITHIN = 300
/** The fallback of the link, at its longest. */
export const FALLBACK = 62.5
/**
 * In ms. How late a process of a busy machine with two cores may do what is due: run a timer that has rung, a
 * round trip, a line of the log. It never makes up for a permit too many.
 */
export const SLACK = 400

let crowds = 0

/** Processes that contend for one limit, and what they wrote. */
export class Crowd {
  readonly limit: number
  readonly #options: CrowdOptions
  readonly #limiter: RedisLimiterOptions
  readonly #members: Member[] = []

  constructor(options: CrowdOptions) {
    this.#options = options
    this.#limiter = {
      name: `crowd-${process.pid}-${++crowds}`,
      limit: 4,
      queue: 10_000,
      lease: LEASE,
      // What is let in without Redis is no fault of the protocol, and has a test of its own.
      degraded: 'closed',
      answerWithin: ANSWER_WITHIN,
      ...options.limiter,
    }
    this.limit = this.#limiter.limit
  }

  get lease(): number {
    return this.#limiter.lease as number
  }

  get members(): readonly Member[] {
    return this.#members
  }

  get name(): string {
    return this.#limiter.name
  }

  get stays(): Stay[] {
    return this.logs.flatMap(({ stays }) => stays)
  }

  get logs(): Log[] {
    return this.#members.map(({ log }) => log)
  }

  async add(count: number, plan: Partial<Omit<Plan, 'log' | 'limiter'>> = {}): Promise<Member[]> {
    const options = this.#options
    const started = Array.from({ length: count }, () => {
      const name = `process ${this.#members.length + 1}`
      const full: Omit<Plan, 'log'> = {
        client: 'ioredis',
        contenders: 4,
        hold: 20,
        weights: [1],
        keys: [''],
        obeys: true,
        waits: false,
        ...options,
        ...plan,
        limiter: this.#limiter,
      }
      const index = this.#members.push(undefined as unknown as Member) - 1
      return Member.start(name, full).then((member) => {
        this.#members[index] = member
        return member
      })
    })
    return Promise.all(started)
  }

  /** Resolves when each of some has entered after a time. */
  async entered(members: readonly Member[] = this.living, after = 0): Promise<void> {
    await until(`${members.map(({ name }) => name).join(', ')} entered`, () =>
      members.every(({ log }) => log.stays.some(({ from }) => from > after)),
    )
  }

  /** Resolves when somebody has entered for a key after a time. */
  async enteredKey(key: string, after: number): Promise<void> {
    await until(`somebody entered for ${key}`, () =>
      this.stays.some((stay) => stay.key === key && stay.from > after),
    )
  }

  /** Resolves when some have so many permits in use. */
  async holds(members: readonly Member[], weight: number): Promise<void> {
    const held = () => members.flatMap(({ log }) => log.stays.filter((stay) => stay.end === undefined))
    await until(`${members.map(({ name }) => name).join(', ')} has ${weight} in use`, () => {
      return held().reduce((sum, stay) => sum + stay.weight, 0) >= weight
    })
  }

  /** Resolves when a process has told something, after a time, to when that was. */
  async heard(member: Member, event: string, after = 0): Promise<number> {
    const found = () => member.log.events.find(({ name, at }) => name === event && at > after)
    await until(`${member.name} told ${event}`, () => found() !== undefined)
    return found()?.at as number
  }

  /** Resolves when Redis knows of so many who wait. */
  async waitsFor(waiting: number): Promise<void> {
    await until(`${waiting} wait`, async () => (await this.waiting()) >= waiting)
  }

  /** How many wait, over all processes, as Redis knows. */
  async waiting(): Promise<number> {
    return (await this.#stats()).waiting
  }

  /** Resolves when Redis knows the limit. */
  async knows(limit: number): Promise<void> {
    await until(`the limit is ${limit}`, async () => (await this.#stats()).limit === limit)
  }

  async #stats(): Promise<FleetStats> {
    const client = this.#connect(this.#options.redis)
    try {
      return await redisLimiter(client, this.#limiter).stats()
    } finally {
      client.disconnect()
    }
  }

  #connect(at: Plan['redis']): Redis | Cluster {
    const client = typeof at === 'number' ? new Redis({ port: at }) : new Cluster([...at])
    client.on('error', () => {})
    return client
  }

  get living(): Member[] {
    return this.#members.filter(({ isKilled, hasLeft }) => !isKilled && !hasLeft)
  }

  /** All run on for a while. */
  async run(seconds: number): Promise<void> {
    await sleep(seconds * 1000)
  }

  excesses(from = 0, to: number = now()): Excess[] {
    return excesses(this.stays, this.limit, from, to)
  }

  /** Throws if more than the limit was ever in use. */
  neverOver(from = 0, to: number = now()): void {
    const found = this.excesses(from, to)
    assert.equal(found.length, 0, `over the limit of ${this.limit}: ${show(found)}`)
  }

  /**
   * Throws if less was in use on average than a share of the limit while some waited: a permit that leaked,
   * a wake-up that was lost, or a deadlock.
   */
  busy(least: number, from: number, to: number = now()): void {
    const share = this.occupancy(from, to)
    assert.ok(share >= least, `only ${percent(share)} of the limit was in use, not ${percent(least)}`)
  }

  occupancy(from: number, to: number): number {
    return occupancy(this.stays, this.limit, new Set(this.#options.keys ?? ['']).size, from, to)
  }

  /** All leave. Throws unless the whole limit is to be had then, by one who asks for all of it. */
  async end(at: Plan['redis'] = this.#options.redis): Promise<void> {
    await Promise.all(this.living.map((member) => member.leave()))
    const client = this.#connect(at)
    const limiter = redisLimiter(client, this.#limiter)
    try {
      for (const key of new Set(this.#options.keys ?? [''])) {
        await until('the whole limit is to be had when all have left', async () => {
          // It tells the limit, which may have been changed, so that the weight is none that is too much.
          const none = await limiter.acquire({ weight: 0, key })
          none.release()
          const all = await limiter.acquire({ weight: limiter.limit, key, timeout: 5 * this.lease })
          all.release()
          return true
        })
      }
    } finally {
      await limiter.close()
      client.disconnect()
    }
  }

  figures(from: number, to: number = now(), limit: number = this.limit): Figures {
    const { stays } = this
    const during = stays.filter((stay) => stay.from >= from && stay.from < to)
    const waits = during.map((stay) => stay.from - stay.asked)
    const over = excesses(stays, limit, from, to)
    const counts = this.living
      .filter(({ plan, log }) => plan.hold < 1000 && (log.stays[0]?.from ?? Infinity) < from)
      .map(({ name }) => during.filter((stay) => stay.process === name).length)
    const mean = counts.reduce((sum, count) => sum + count, 0) / counts.length
    return {
      processes: this.#members.length,
      permits: during.length,
      most: most(stays, from, to),
      over: over.reduce((sum, excess) => sum + excess.to - excess.from, 0),
      overBy: Math.max(0, ...over.map(({ by }) => by)),
      occupancy: this.occupancy(from, to),
      waitMedian: quantile(waits, 0.5),
      waitMost: Math.max(0, ...waits),
      leastShare: Math.min(...counts) / mean,
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.splice(0).map((member) => member.close()))
  }
}

export function show(found: readonly Excess[]): string {
  const start = found[0]?.from ?? 0
  return found
    .slice(0, 10)
    .map(({ from, to, by, processes, key }) => {
      const at = `after ${(from - start).toFixed(1)} ms for ${(to - from).toFixed(2)} ms`
      return `by ${by}${key && ` of ${key}`} ${at} (${processes.join(', ')})`
    })
    .join('; ')
}

export function percent(share: number): string {
  return `${Math.round(100 * share)}%`
}
