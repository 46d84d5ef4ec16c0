import { BoundedSemaphore } from './bounded-semaphore.ts'
import { checkCount, checkOptions, wrongType } from './check.ts'
import type { Clock } from './clock.ts'
import { LinkedList } from './linked-list.ts'
import type { Queue, QueueHost } from './queue/queue.ts'
import type { Waiter } from './waiter.ts'

export interface PartitionedOptions {
  /** How many permits there are. */
  limit: number
  /**
   * The permits that each class is sure of, by the key of its requests; together at most the limit. All
   * other requests, and those without a key, are one class more, which is sure of what is left.
   */
  shares: Readonly<Record<string, number>>
  /** How many of each class may wait, so that none fills the places of another. Default Infinity. */
  queue?: number | undefined
  /** The longest wait in ms, unless a request says otherwise. Default Infinity. */
  timeout?: number | undefined
  /** Where time comes from. Default: the platform's clock. */
  clock?: Clock | undefined
}

/**
 * A semaphore of which each class of requests has a guaranteed share. A permit that its class does not need
 * is lent to whoever comes, and goes back as permits are released: each goes to the waiting class that is
 * furthest below its share, in parts of it. Where none is below, the classes take turns, in proportion to
 * their shares, one without a share as if it had 1. Within a class it is first come, first served. Nothing
 * is revoked, so a class may have to wait for its share as long as those hold on to whom it was lent.
 *
 * The class of a request is its `key`. Give permits back by `permit.release()`: the semaphore's own
 * `release()` cannot know whose they were. A request that goes next and is too heavy for the permits that
 * are free holds back all other classes but those further below their share.
 *
 * After a `resize()` to less than the shares together, each class is sure of its part of what there is, and
 * the class of all others goes in only when none of the rest waits.
 *
 * Picking the next is O(classes). The rule for lending is start-time fair queueing, as in `fair`.
 *
 * @throws TypeError or RangeError for a bad option, naming it.
 */
export function partitioned(options: PartitionedOptions): BoundedSemaphore {
  checkOptions('partitioned', options, ['limit', 'shares', 'queue', 'timeout', 'clock'])
  const { limit, shares, queue = Infinity, timeout, clock } = options
  checkCount('limit', limit)
  checkShares(shares, limit)
  checkCount('queue', queue, 0, true)
  return new BoundedSemaphore(limit, { queue: new Partitions(shares, queue), timeout, clock })
}

/** Those of one class. */
class Partition {
  readonly waiters = new LinkedList<Waiter>()
  /** The permits it is sure of; of all others, only those. */
  readonly share: number
  inUse = 0
  /** The virtual time at which it may borrow next, and up to which it has had its part. */
  start = 0
  finish = 0
  /** When it was served last, as a number that counts up. */
  served = 0

  constructor(share: number) {
    this.share = share
  }
}

class Partitions implements Queue {
  readonly #named = new Map<string | undefined, Partition>()
  readonly #others = new Partition(0)
  readonly #all: readonly Partition[]
  readonly #shared: number
  readonly #limit: number
  #host!: QueueHost
  /** Goes on as permits are lent. */
  #virtualTime = 0
  #served = 0
  #size = 0

  constructor(shares: Readonly<Record<string, number>>, limit: number) {
    for (const [key, share] of Object.entries(shares)) this.#named.set(key, new Partition(share))
    this.#all = [...this.#named.values(), this.#others]
    this.#shared = sum(Object.values(shares))
    this.#limit = limit
  }

  attach(host: QueueHost): void {
    this.#host = host
  }

  get size(): number {
    return this.#size
  }

  get full(): boolean {
    return this.#limit === 0
  }

  push(newcomer: Waiter): Waiter | undefined {
    const partition = this.#of(newcomer.key)
    const { waiters } = partition
    if (waiters.size >= this.#limit) return newcomer
    if (waiters.size === 0) partition.start = Math.max(this.#virtualTime, partition.finish)
    waiters.append(newcomer)
    this.#size++
    return undefined
  }

  peek(): Waiter | undefined {
    let next: Partition | undefined
    for (const partition of this.#all) {
      if (partition.waiters.size > 0 && (next === undefined || this.#goesBefore(partition, next))) {
        next = partition
      }
    }
    return next?.waiters.first
  }

  remove(waiter: Waiter): void {
    this.#of(waiter.key).waiters.remove(waiter)
    this.#size--
  }

  serve(waiter: Waiter): void {
    const partition = this.#of(waiter.key)
    if (this.#fill(partition) >= 1) {
      this.#virtualTime = Math.max(this.#virtualTime, partition.start)
      partition.finish = partition.start + (waiter.weight || 1) / Math.max(this.#share(partition), 1)
      partition.start = partition.finish
    }
    partition.served = ++this.#served
    this.remove(waiter)
  }

  admitted(weight: number, key: string | undefined): void {
    this.#of(key).inUse += weight
  }

  released(_hold: number | undefined, weight: number, key: string | undefined): void {
    this.#of(key).inUse -= weight
  }

  #of(key: string | undefined): Partition {
    return this.#named.get(key) ?? this.#others
  }

  #share(partition: Partition): number {
    return partition === this.#others ? Math.max(0, this.#host.limit - this.#shared) : partition.share
  }

  /** How much of its share it has; 1 if that or more. */
  #fill(partition: Partition): number {
    const share = this.#share(partition)
    return partition.inUse < share ? partition.inUse / share : 1
  }

  #goesBefore(a: Partition, b: Partition): boolean {
    const [fillOfA, fillOfB] = [this.#fill(a), this.#fill(b)]
    if (fillOfA !== fillOfB) return fillOfA < fillOfB
    if (fillOfA === 1 && a.start !== b.start) return a.start < b.start
    return a.served < b.served
  }
}

function checkShares(shares: Readonly<Record<string, number>>, limit: number): void {
  if (typeof shares !== 'object' || shares === null || Array.isArray(shares)) {
    throw wrongType('shares', 'an object such as { gold: 10 }', shares)
  }
  for (const [key, share] of Object.entries(shares)) checkCount(`share of ${JSON.stringify(key)}`, share)
  const together = sum(Object.values(shares))
  if (together > limit) {
    throw new RangeError(`shares must add up to at most the limit of ${limit}; received ${together}`)
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
