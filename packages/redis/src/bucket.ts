import { RejectedError } from '@lineclear/core'
import { HandOver } from './hand-over.ts'
import { Ledger } from './ledger.ts'
import { Link } from './link.ts'
import type { Settings } from './options.ts'
import type { Port } from './port.ts'
import { GivenPermit, type Giver, LeaseLostError, type RedisPermit } from './redis-permit.ts'
import { Waiter } from './waiter.ts'
import type { Want } from './want-list.ts'
import type { KeyReply, SyncRequest } from './wire.ts'

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
export class Bucket implements Giver {
  readonly #settings: Settings
  readonly #ledger: Ledger<Waiter>
  readonly #link: Link
  readonly #listener: BucketListener
  /** Those that hold what Redis has granted, and may be lost. */
  readonly #leased = new Set<GivenPermit>()
  /** Those given out while Redis does not answer, which knows nothing of them yet. */
  readonly #unleased = new Set<GivenPermit>()
  /** Those that wait for no longer than an answer takes. */
  readonly #hasty = new Set<Want<Waiter>>()
  readonly #handOver = new HandOver()
  #admitting = false
  #error: unknown
  #closedFor: unknown

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
        granted: (want, fence) => this.#grant(want, this.#permit(want.key, want.weight, fence)),
        rejected: (want, cause) => this.#reject(want, cause),
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
        up: () => this.#goBack(),
        answered: (request, replies) => this.#answered(request, replies),
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

  /** Throws a RangeError for a weight above the limit. */
  checkWeight(key: string, weight: number): void {
    const limit = this.limit(key)
    if (weight > limit && limit > 0) {
      throw new RangeError(`weight must be at most the limit of ${limit}; received ${weight}`)
    }
  }

  tryAcquire(key: string, weight: number): RedisPermit | undefined {
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
      if (this.#neverFits(key, weight || 1)) throw unreachable(this.#error)
      if (timeout === 0) throw new RejectedError('timeout')
      const { capacity } = this.#ledger.limits(key)
      if (this.#ledger.waiting(key) >= capacity) throw new RejectedError('full')
    }
    return new Promise((resolve, reject) => {
      const waiter = new Waiter(resolve, reject, weight === 0)
      // None is taken for a weight of 0, but one has to be free.
      const want = this.#ledger.acquire(key, weight || 1, waiter)
      if (want.state !== 'waiting') return
      if (timeout === 0) this.#hasty.add(want)
      const leave = (error: unknown): void => this.#leave(want, error)
      waiter.watch(leave, timeout, signal)
    })
  }

  resize(limit: number): void {
    this.#ledger.resize(undefined, limit)
    if (this.isDown) for (const { key } of this.#ledger.wants()) this.#admitThoseWaiting(key)
  }

  /** Turns away those who wait. Resolves when all permits are back and Redis knows. */
  close(reason: unknown): Promise<void> {
    this.#closedFor ??= reason
    return this.#link.close()
  }

  #grant(want: Want<Waiter>, permit: GivenPermit): void {
    this.#hasty.delete(want)
    want.waiter.grant(permit)
    this.#handOver.add(want.waiter)
  }

  #reject(want: Want<Waiter>, cause: keyof typeof REASONS): void {
    this.#hasty.delete(want)
    const why = cause === 'closed' ? this.#closedFor : undefined
    want.waiter.reject(new RejectedError(REASONS[cause], why === undefined ? {} : { cause: why }))
    this.#listener.less()
  }

  #leave(want: Want<Waiter>, error: unknown): void {
    this.#ledger.cancel(want)
    this.#hasty.delete(want)
    want.waiter.reject(error)
    if (this.isDown) this.#admitThoseWaiting(want.key)
    this.#listener.less()
  }

  #permit(key: string, weight: number, fence: number | undefined): GivenPermit {
    const permit = new GivenPermit(fence, key, weight, this)
    const permits = fence === undefined ? this.#unleased : this.#leased
    permits.add(permit)
    return permit
  }

  takeBack(permit: GivenPermit): void {
    const { key, weight } = permit
    if (!this.#leased.delete(permit)) this.#unleased.delete(permit)
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

  /** Turns away those in haste whom the answer lets wait. */
  #answered({ keys }: SyncRequest, replies: readonly KeyReply[]): void {
    if (this.#hasty.size === 0) return
    const reached = new Map(keys.map(({ key }, index) => [key, replies[index]?.wanted ?? 0]))
    for (const want of this.#hasty) {
      // There may be more than one request carries.
      if (want.sequence <= (reached.get(want.key) ?? 0)) this.#leave(want, new RejectedError('timeout'))
    }
  }

  #fallBack(error: unknown): void {
    this.#error = error
    this.#listener.down(error)
    for (const { key } of this.#ledger.wants()) this.#admitThoseWaiting(key)
    for (const want of this.#hasty) this.#leave(want, new RejectedError('timeout'))
  }

  #goBack(): void {
    // It is told of them now: from now on they can be lost as all others.
    for (const permit of this.#unleased) this.#leased.add(permit)
    this.#unleased.clear()
    this.#listener.up()
  }

  /** As many of those first in line as this process may let in by itself; who is too heavy for that is refused. */
  #admitThoseWaiting(key: string): void {
    // Granting a weight of 0 releases, and so comes here again.
    if (this.#admitting) return
    this.#admitting = true
    for (let want = this.#ledger.first(key); want !== undefined; want = this.#ledger.first(key)) {
      if (this.#neverFits(key, want.weight)) this.#leave(want, unreachable(this.#error))
      else if (this.#fits(key, want.weight)) {
        this.#ledger.cancel(want)
        this.#grant(want, this.#take(key, want.weight))
      } else break
    }
    this.#admitting = false
  }

  /** A permit without Redis, ahead of nobody. */
  #admit(key: string, weight: number): GivenPermit | undefined {
    if (this.#ledger.first(key) !== undefined || !this.#fits(key, weight || 1)) return undefined
    return this.#take(key, weight)
  }

  #fits(key: string, weight: number): boolean {
    return this.#ledger.inUse(key) + weight <= this.#share(key)
  }

  /** Not as long as Redis is down, unless the limit is a pause, which somebody here may end. */
  #neverFits(key: string, weight: number): boolean {
    return weight > this.#share(key) && (this.limit(key) > 0 || this.#settings.degraded === 'closed')
  }

  /** How many permits of a key this process may have in use by itself. */
  #share(key: string): number {
    const { degraded, localLimit } = this.#settings
    if (degraded === 'closed') return 0
    if (degraded === 'open') return Infinity
    return localLimit ?? Math.floor(this.limit(key) / this.#ledger.instances)
  }

  #take(key: string, weight: number): GivenPermit {
    this.#ledger.admitLocally(key, weight)
    return this.#permit(key, weight, undefined)
  }
}

const REASONS = { full: 'full', heavier: 'evicted', closed: 'closed' } as const

/** What a client is told says nothing of Redis. */
function unreachable(cause: unknown): RejectedError {
  return new RejectedError('closed', { cause, detail: 'The limit cannot be asked at the moment.' })
}
