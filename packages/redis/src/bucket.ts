import { RejectedError } from '@lineclear/core'
import { Ledger } from './ledger.ts'
import { Link } from './link.ts'
import type { Settings } from './options.ts'
import type { Port } from './port.ts'
import { GivenPermit, LeaseLostError, type RedisPermit } from './redis-permit.ts'
import { Waiter } from './waiter.ts'
import type { Want } from './want-list.ts'

export interface BucketOptions {
  readonly settings: Settings
  readonly port: Port
  readonly tag: string
  readonly instance: string
  readonly listener: BucketListener
}

export interface BucketListener {
  down(error: unknown): void
  up(): void
  lost(permits: number): void
  differ(key: string, theirs: { limit: number; capacity: number }): void
  /** Fewer are in use or wait than before. */
  less(): void
}

/** Those keys that share a link to Redis, and what is in use and waits of them here. */
export class Bucket {
  readonly #settings: Settings
  readonly #ledger: Ledger<Waiter>
  readonly #link: Link
  readonly #listener: BucketListener
  /** Those that hold what Redis has granted, and may be lost. */
  readonly #leased = new Set<GivenPermit>()
  /** Those that wait for no longer than an answer takes, with the number of the last request before them. */
  readonly #hasty = new Map<Want<Waiter>, number>()
  #error: unknown

  constructor({ settings, port, tag, instance, listener }: BucketOptions) {
    const { lease, limit, queue, answerWithin, perKey, mode } = settings
    this.#settings = settings
    this.#listener = listener
    this.#ledger = new Ledger<Waiter>({
      instance,
      lease,
      keyed: perKey,
      local: mode === 'local-first',
      limits: { limit, capacity: queue },
      listener: {
        granted: ({ waiter, key, weight }, fence) => waiter.grant(this.#permit(key, weight, fence)),
        rejected: ({ waiter }, cause) => waiter.reject(new RejectedError(REASONS[cause])),
        lost: () => this.#lose(),
        kick: () => this.#link.kick(),
        limitsDiffer: (key, theirs) => listener.differ(key, theirs),
      },
    })
    this.#link = new Link(this.#ledger, {
      port,
      tag,
      instance,
      lease,
      answerWithin,
      listener: {
        down: (error) => this.#fallBack(error),
        up: () => listener.up(),
        answered: (number) => this.#answered(number),
      },
    })
  }

  get isDown(): boolean {
    return this.#link.isDown
  }

  get inUse(): number {
    return this.#ledger.inUse()
  }

  get waiting(): number {
    return this.#ledger.waiting()
  }

  /** The limit of a key, as far as known here. */
  limit(key: string): number {
    return this.#ledger.limits(key).limit
  }

  tryAcquire(key: string, weight: number): RedisPermit | undefined {
    this.#checkWeight(key, weight)
    if (this.isDown) return this.#admit(key, weight)
    const fence = this.#ledger.tryAcquire(key, weight, performance.now())
    return fence === undefined ? undefined : this.#permit(key, weight, fence)
  }

  acquire(
    key: string,
    weight: number,
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<RedisPermit> {
    const permit = this.tryAcquire(key, weight)
    if (permit !== undefined) return Promise.resolve(permit)
    if (this.isDown) {
      if (this.#settings.degraded === 'closed') throw new RejectedError('closed', { cause: this.#error })
      if (timeout === 0) throw new RejectedError('timeout')
      const { capacity } = this.#ledger.limits(key)
      if (this.#ledger.waiting(key) >= capacity) throw new RejectedError('full')
    }
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(resolve, reject, weight === 0)
      // None is taken for a weight of 0, but one has to be free.
      const want = this.#ledger.acquire(key, weight || 1, waiter)
      if (want.state !== 'waiting') return
      if (timeout === 0) this.#hasty.set(want, this.#link.requests)
      const leave = (error: unknown): void => this.#leave(want, error)
      waiter.watch(leave, timeout, signal)
    })
  }

  resize(limit: number): void {
    this.#ledger.resize(undefined, limit)
  }

  /** Turns away those who wait. Resolves when all permits are back and Redis knows. */
  close(): Promise<void> {
    return this.#link.close()
  }

  #checkWeight(key: string, weight: number): void {
    const limit = this.limit(key)
    if (weight > limit && limit > 0) {
      throw new RangeError(`weight must be at most the limit of ${limit}; received ${weight}`)
    }
  }

  #leave(want: Want<Waiter>, error: unknown): void {
    this.#ledger.cancel(want)
    this.#hasty.delete(want)
    want.waiter.reject(error)
    if (this.isDown) this.#admitThoseWaiting(want.key)
    this.#listener.less()
  }

  #permit(key: string, weight: number, fence: number): GivenPermit {
    const permit = new GivenPermit(fence, () => {
      this.#leased.delete(permit)
      this.#giveBack(key, weight)
    })
    this.#leased.add(permit)
    return permit
  }

  #giveBack(key: string, weight: number): void {
    this.#ledger.release(key, weight, performance.now())
    if (this.#settings.mode === 'local-first') this.#link.rearm()
    if (this.isDown) this.#admitThoseWaiting(key)
    this.#listener.less()
  }

  #lose(): void {
    const permits = this.#leased.size
    if (permits === 0) return
    const reason = new LeaseLostError()
    for (const permit of this.#leased) permit.lose(reason)
    this.#leased.clear()
    this.#listener.lost(permits)
  }

  #answered(number: number): void {
    for (const [want, before] of this.#hasty) {
      if (want.state === 'waiting' && number > before) this.#leave(want, new RejectedError('timeout'))
      else if (want.state !== 'waiting') this.#hasty.delete(want)
    }
  }

  #fallBack(error: unknown): void {
    this.#error = error
    this.#listener.down(error)
    for (const want of this.#ledger.wants()) {
      if (this.#settings.degraded === 'closed')
        this.#leave(want, new RejectedError('closed', { cause: error }))
      else this.#admitThoseWaiting(want.key)
    }
    for (const want of this.#hasty.keys()) this.#leave(want, new RejectedError('timeout'))
  }

  /** As many of those first in line as this process may let in by itself. */
  #admitThoseWaiting(key: string): void {
    for (let want = this.#ledger.first(key); want !== undefined; want = this.#ledger.first(key)) {
      const permit = this.#fits(key, want.weight) ? this.#take(key, want.weight) : undefined
      if (permit === undefined) return
      this.#ledger.cancel(want)
      this.#hasty.delete(want)
      want.waiter.grant(permit)
    }
  }

  /** A permit without Redis, ahead of nobody. */
  #admit(key: string, weight: number): GivenPermit | undefined {
    if (this.#ledger.first(key) !== undefined || !this.#fits(key, weight || 1)) return undefined
    return this.#take(key, weight)
  }

  #fits(key: string, weight: number): boolean {
    const { degraded, localLimit } = this.#settings
    if (degraded === 'closed') return false
    if (degraded === 'open') return true
    const share = localLimit ?? Math.floor(this.limit(key) / this.#ledger.instances)
    return this.#ledger.inUse(key) + weight <= share
  }

  #take(key: string, weight: number): GivenPermit {
    this.#ledger.admitLocally(key, weight)
    return new GivenPermit(undefined, () => this.#giveBack(key, weight))
  }
}

const REASONS = { full: 'full', heavier: 'evicted', closed: 'closed' } as const
