import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import { type AcquireRequest, type Limiter, RejectedError } from '@lineclear/core'
import { checkCount, checkKey, checkRequest } from '@lineclear/core/check'
import { Bucket } from './bucket.ts'
import { type FleetStats, inspect } from './inspect.ts'
import { type RedisLimiterOptions, type Settings, settingsOf } from './options.ts'
import { type Port, portFor, type RedisClient } from './port.ts'
import type { RedisPermit } from './redis-permit.ts'
import { bucketCount, bucketOf, tagOf } from './tag.ts'

/**
 * One limit for all processes that give the same name, on the Redis or Valkey that `client` is connected to.
 * At no time are more permits in use than the limit, but for a process that pauses for longer than its lease,
 * and what `degraded` lets in: docs/redis.md says exactly what is guaranteed.
 *
 * It asks for nothing before the first request. `close()` it before the client.
 *
 * @param client of ioredis 5 or 6, iovalkey, or node-redis 5 or 6 (connected); a cluster too
 * @throws TypeError or RangeError for another client or a bad option, naming it and what was received.
 */
export function redisLimiter(client: RedisClient, options: RedisLimiterOptions): RedisLimiter {
  return new RedisLimiter(portFor(client), settingsOf(options))
}

/** A limit that processes share, made by `redisLimiter()`. */
export class RedisLimiter implements Limiter {
  readonly name: string
  readonly #port: Port
  readonly #settings: Settings
  readonly #buckets: Bucket[]
  #limit: number
  #queue: number
  #downs = 0
  /** What was told of other limits than asked for. */
  readonly #differed = new Set<string>()
  #closed: { reason: unknown } | undefined
  #onIdle: (() => void)[] = []

  /** @internal */
  constructor(port: Port, settings: Settings) {
    this.name = settings.name
    this.#settings = settings
    this.#limit = settings.limit
    this.#queue = settings.queue
    const instance = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`.replace(/[^\w-]/g, '-')
    this.#port = port
    const count = bucketCount(settings, port.isCluster)
    this.#buckets = Array.from({ length: count }, (_, index) => {
      const tag = tagOf(settings, index)
      const listener = {
        down: (error: unknown) => this.#down(error),
        up: () => this.#up(),
        lost: (permits: number) => this.#tell('onLost', { permits }),
        differ: (key: string, theirs: { limit: number; capacity: number }) => this.#differ(key, theirs),
        less: () => this.#less(),
      }
      return new Bucket({ settings, port, tag, instance, listener })
    })
  }

  /** How many permits there are, over all processes, as far as known here; with `perKey`, of each key. */
  get limit(): number {
    return this.#settings.perKey ? this.#limit : this.#bucket('').limit('')
  }

  /** How many permits a request with this key can have at most, as far as known here. */
  limitOf(key: string | undefined): number {
    return this.#bucketOf(key).limit(this.#keyOf(key))
  }

  /** The longest wait in ms where a request does not say. Undefined if nobody said: for ever. */
  get timeout(): number | undefined {
    return this.#settings.timeout
  }

  /** Whether all are refused at once: it is closed, or as good as, with `degraded: 'closed'`. Else Redis knows. */
  get full(): boolean {
    if (this.#closed !== undefined) return true
    return this.#settings.degraded === 'closed' && this.#buckets.every(({ isDown }) => isDown)
  }

  /** How many permits are in use in this process. */
  get inUse(): number {
    return this.#buckets.reduce((sum, bucket) => sum + bucket.inUse, 0)
  }

  /** How many wait in this process. */
  get waiting(): number {
    return this.#buckets.reduce((sum, bucket) => sum + bucket.waiting, 0)
  }

  /** Whether Redis does not answer, so that `degraded` says what becomes of requests. */
  get isDegraded(): boolean {
    return this.#downs > 0
  }

  /**
   * A permit that needs no question: one that lies here idle (`local-first`), or of those that this process
   * may give out by itself while Redis does not answer. Otherwise undefined: `acquire()` asks.
   */
  tryAcquire(request: AcquireRequest = {}): RedisPermit | undefined {
    const { bucket, key, weight, signal } = this.#read(request)
    if (this.#closed !== undefined || signal?.aborted) return undefined
    return bucket.tryAcquire(key, weight)
  }

  /**
   * A permit, as soon as it is this caller's turn among all processes. A `timeout` of 0 waits for Redis's
   * answer, and for nobody else.
   */
  acquire(request: AcquireRequest = {}): Promise<RedisPermit> {
    try {
      const { bucket, key, weight, timeout = this.timeout ?? Infinity, signal } = this.#read(request)
      if (signal?.aborted) return Promise.reject(signal.reason)
      if (this.#closed !== undefined) return Promise.reject(this.#closedError())
      return bucket.acquire(key, weight, timeout, signal)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Sets the limit for all processes, live; with `perKey`, of the keys that are in use here now, and of those
   * that come to be used here: then call it in each process. Lowering it revokes nothing; 0 is a pause.
   *
   * @throws TypeError or RangeError unless `limit` is a whole number of at least 0; nothing is changed.
   */
  resize(limit: number): void {
    checkCount('limit', limit)
    this.#limit = limit
    for (const bucket of this.#buckets) bucket.resize(limit)
  }

  /**
   * Turns away those who wait in this process and whoever comes after, with reason `closed` and `reason` as
   * the error's cause. Permits in use stay valid. Resolves when all of them are back and Redis has been told,
   * so that their place is free for others; if Redis does not answer, when they are back.
   */
  async close(reason?: unknown): Promise<void> {
    this.#closed ??= { reason }
    await Promise.all(this.#buckets.map((bucket) => bucket.close(this.#closed?.reason)))
  }

  /** Resolves when nothing is in use and nobody waits in this process. For a shutdown, `close()` suffices. */
  drain(): Promise<void> {
    return this.#isIdle ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /**
   * What Redis knows of the limit, over all processes; with `perKey`, of one key, or of all without a key.
   * Rejects with the client's error, and is as late as Redis is.
   */
  async stats(key?: string): Promise<FleetStats> {
    checkKey(key)
    const name = this.#keyOf(key)
    const tag = tagOf(this.#settings, bucketOf(name, this.#buckets.length))
    const found = await inspect(this.#port, tag, name)
    const unused = { inUse: 0, waiting: 0, learning: 0, instances: [] }
    return found ?? { limit: this.#limit, queue: this.#queue, ...unused }
  }

  #read(request: AcquireRequest): Asked {
    checkRequest(request)
    const { weight = 1, timeout, signal } = request
    const bucket = this.#bucketOf(request.key)
    const key = this.#keyOf(request.key)
    bucket.checkWeight(key, weight)
    return { bucket, key, weight, timeout, signal }
  }

  get #isIdle(): boolean {
    return this.inUse === 0 && this.waiting === 0
  }

  #keyOf(key: string | undefined): string {
    return this.#settings.perKey ? (key ?? '') : ''
  }

  #bucketOf(key: string | undefined): Bucket {
    return this.#bucket(this.#keyOf(key))
  }

  #bucket(key: string): Bucket {
    return this.#buckets[bucketOf(key, this.#buckets.length)] as Bucket
  }

  #closedError(): RejectedError {
    const reason = this.#closed?.reason
    return new RejectedError('closed', reason === undefined ? {} : { cause: reason })
  }

  #down(error: unknown): void {
    if (this.#downs++ > 0) return
    if (this.#settings.onDegraded !== undefined) this.#tell('onDegraded', { error })
    else
      console.warn(
        `lineclear: ${this.name}: Redis does not answer, so it is ${this.#settings.degraded}: ${error}`,
      )
  }

  #up(): void {
    if (--this.#downs > 0) return
    if (this.#settings.onRecovered !== undefined) this.#tell('onRecovered')
    else if (this.#settings.onDegraded === undefined)
      console.warn(`lineclear: ${this.name}: Redis answers again`)
  }

  #less(): void {
    if (this.#onIdle.length > 0 && this.#isIdle) for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  #differ(key: string, theirs: { limit: number; capacity: number }): void {
    const asked = { limit: this.#limit, queue: this.#queue }
    const holds = { limit: theirs.limit, queue: theirs.capacity }
    if (this.#settings.perKey) {
      // A key is forgotten when it falls idle, and so would be told of with each of its requests.
      const told = `${show(asked)}, ${show(holds)}`
      if (this.#differed.has(told)) return
      this.#differed.add(told)
    }
    const { onDisagreement } = this.#settings
    if (onDisagreement !== undefined) this.#tell('onDisagreement', { name: this.name, key, asked, holds })
    else
      console.warn(
        `lineclear: ${this.name}: ${show(holds)} holds, as another process set it, not ${show(asked)}`,
      )
  }

  #tell(
    event: 'onLost' | 'onDegraded' | 'onRecovered' | 'onDisagreement',
    ...details: readonly unknown[]
  ): void {
    try {
      ;(this.#settings[event] as ((...details: readonly unknown[]) => void) | undefined)?.(...details)
    } catch (error) {
      console.error(`lineclear: ${event} failed:`, error)
    }
  }
}

interface Asked {
  readonly bucket: Bucket
  readonly key: string
  readonly weight: number
  readonly timeout: number | undefined
  readonly signal: AbortSignal | undefined
}

function show({ limit, queue }: { limit: number; queue: number }): string {
  return `limit ${limit}, queue ${queue}`
}
