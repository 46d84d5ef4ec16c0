import { unwatchAbort, watchAbort } from './abort.ts'
import { checkCount, checkDuration, checkOptions, checkRequest } from './check.ts'
import { type Clock, checkClock, systemClock } from './clock.ts'
import { Deadlines } from './deadlines.ts'
import { HandOver } from './hand-over.ts'
import { isHandedBack } from './handed-back.ts'
import type { AcquireRequest, Limiter, Permit } from './limiter.ts'
import { own } from './queue/own.ts'
import type { Queue, QueueHost } from './queue/queue.ts'
import { RejectedError, type RejectionReason } from './rejected-error.ts'
import { SemaphorePermit } from './semaphore-permit.ts'
import { Waiter } from './waiter.ts'

export interface SemaphoreOptions {
  /** How many may wait, first come first served, or a queue of another kind. Default Infinity. */
  queue?: number | Queue | undefined
  /** The longest wait in ms, unless a request says otherwise. Default: the queue's own, else Infinity. */
  timeout?: number | undefined
  /** Where time comes from. Default: the platform's clock. */
  clock?: Clock | undefined
}

/**
 * A counting semaphore, as asyncio's `Semaphore`: a released permit goes straight to the next
 * waiter, so nobody can slip in between; releasing more often than acquiring raises the value.
 *
 * @throws TypeError or RangeError for a bad value or option, naming it.
 */
export class Semaphore implements Limiter {
  /** Where its time comes from. */
  readonly clock: Clock
  readonly #timeout: number | undefined
  readonly #queue: Queue
  readonly #granted = new HandOver((waiter) => {
    unwatchAbort(waiter)
    waiter.resolve(this.#permit(waiter.weight, waiter.key))
  })
  readonly #deadlines: Deadlines
  /** Negative after the bound was lowered below what is in use. */
  #free: number
  #bound = Infinity
  #closed: { reason: unknown } | undefined
  #onIdle: (() => void)[] = []

  constructor(value: number = 1, options: SemaphoreOptions = {}) {
    checkCount('value', value)
    checkOptions('options', options, ['queue', 'timeout', 'clock'])
    const { queue = Infinity, timeout, clock = systemClock } = options
    if (timeout !== undefined) checkDuration('timeout', timeout)
    checkClock(clock)
    this.#free = value
    this.clock = clock
    this.#timeout = timeout
    this.#queue = own(queue)
    this.#queue.attach?.(this.#host())
    this.#deadlines = new Deadlines(clock, (waiter) => this.#leave(waiter, this.#rejection('timeout')))
  }

  /** The longest wait in ms, unless a request says otherwise. Undefined if nobody said: for ever. */
  get timeout(): number | undefined {
    return this.#timeout ?? this.#queue.timeout
  }

  /** Permits free now; never negative. */
  get value(): number {
    return Math.max(0, this.#free)
  }

  /** Whether an `acquire()` would have to wait: nothing is free, or somebody is ahead. */
  get locked(): boolean {
    return this.#free < 1 || this.#crowded
  }

  /** How many wait. */
  get waiting(): number {
    return this.#queue.size
  }

  /** Whether an `acquire()` that finds no permit free is refused at once: the queue is full, or closed. */
  get full(): boolean {
    return this.#closed !== undefined || (this.#queue.full ?? false)
  }

  tryAcquire(request?: AcquireRequest): Permit | undefined {
    const weight = request === undefined ? 1 : this.#weigh(request)
    if (!this.#admits(weight) || request?.signal?.aborted) return undefined
    return this.#take(weight, request?.key)
  }

  refuse(request?: AcquireRequest): RejectedError | undefined {
    const weight = request === undefined ? 1 : this.#weigh(request)
    if (request?.signal?.aborted) return undefined
    if (this.#closed !== undefined) return this.#rejection('closed')
    // Goes in behind somebody who was granted a permit in this same turn.
    if (this.#fits(weight) && this.#queue.size === 0) return undefined
    if ((request?.timeout ?? this.timeout) === 0) return this.#rejection('timeout')
    return this.#queue.full ? this.#rejection('full') : undefined
  }

  acquire(request?: AcquireRequest): Promise<Permit> {
    let weight = 1
    if (request !== undefined) {
      try {
        weight = this.#weigh(request)
      } catch (error) {
        return Promise.reject(error)
      }
      if (request.signal?.aborted) return Promise.reject(request.signal.reason)
    }
    if (this.#admits(weight)) return Promise.resolve(this.#take(weight, request?.key))
    return this.#wait(weight, request)
  }

  /**
   * Adds `count` permits, handing them to those who wait. `permit.release()` is the safer way to
   * give back what one acquired: it counts once.
   *
   * @throws TypeError or RangeError unless `count` is a whole number of at least 1.
   */
  release(count: number = 1): void {
    checkCount('count', count, 1)
    this.#give(count)
  }

  /**
   * Turns away those who wait and everybody after them, with reason `closed` and `reason` as the
   * error's cause. Permits in use stay valid and are released as usual. A second call does nothing.
   */
  close(reason?: unknown): void {
    if (this.#closed !== undefined) return
    this.#closed = { reason }
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      this.#turnAway(next, 'closed')
    }
    this.#settle()
  }

  toString(): string {
    const state = [this.locked ? 'locked' : `unlocked, value:${this.value}`]
    if (this.waiting > 0) state.push(`waiters:${this.waiting}`)
    return `${this.constructor.name} [${state.join(', ')}]`
  }

  /** Moves the bound, above which no release may raise the value, and the free permits with it. */
  protected bind(bound: number): void {
    if (this.#bound !== Infinity) this.#free += bound - this.#bound
    this.#bound = bound
    this.#settle()
  }

  protected get used(): number {
    return this.#bound - this.#free
  }

  /** Resolves when nothing is in use and nobody waits. */
  protected whenIdle(): Promise<void> {
    return this.#isIdle ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve))
  }

  #host(): QueueHost {
    const bound = (): number => this.#bound
    return {
      clock: this.clock,
      get limit() {
        return bound()
      },
    }
  }

  get #isIdle(): boolean {
    return this.used === 0 && this.#queue.size === 0
  }

  get #crowded(): boolean {
    return this.#queue.size > 0 || this.#granted.busy
  }

  /** Whether this weight may go in now, ahead of nobody. */
  #admits(weight: number): boolean {
    return this.#fits(weight) && !this.#crowded && this.#closed === undefined
  }

  #fits(weight: number): boolean {
    return this.#free >= (weight || 1)
  }

  /** A bound of 0 is a pause; nobody is too heavy for that. */
  #isTooHeavy(weight: number): boolean {
    return weight > this.#bound && this.#bound > 0
  }

  /** Checks a request and returns its weight. */
  #weigh(request: AcquireRequest): number {
    checkRequest(request)
    const { weight = 1 } = request
    if (this.#isTooHeavy(weight)) {
      throw new RangeError(`weight must be at most the limit of ${this.#bound}; received ${weight}`)
    }
    return weight
  }

  #take(weight: number, key: string | undefined): Permit {
    this.#free -= weight
    this.#queue.admitted?.(weight, key)
    return this.#permit(weight, key)
  }

  #permit(weight: number, key: string | undefined): Permit {
    if (this.#queue.released === undefined) return new SemaphorePermit(this.#give, weight)
    const since = this.clock.now()
    return new SemaphorePermit((weight, outcome) => {
      this.#checkGiven(weight)
      const hold = this.clock.now() - since
      this.#queue.released?.(isHandedBack(hold, outcome) ? undefined : hold, weight, key)
      this.#putBack(weight)
    }, weight)
  }

  #checkGiven(weight: number): void {
    if (this.#free + weight > this.#bound) {
      throw new RangeError(`released too often: ${this.used} in use, ${weight} released`)
    }
  }

  readonly #give = (weight: number): void => {
    this.#checkGiven(weight)
    this.#putBack(weight)
  }

  #putBack(weight: number): void {
    this.#free += weight
    if (this.#queue.size > 0 || this.#onIdle.length > 0) this.#settle()
  }

  #wait(weight: number, request: AcquireRequest | undefined): Promise<Permit> {
    if (this.#closed !== undefined) return Promise.reject(this.#rejection('closed'))
    const waiter = new Waiter(weight, request)
    if (this.#fits(weight) && this.#queue.size === 0) {
      // A permit is free, but somebody granted one in this same turn has yet to run: go in behind.
      const promise = waiter.promise()
      watchAbort(waiter, this.#leave)
      this.#grant(waiter)
      return promise
    }
    const timeout = request?.timeout ?? this.timeout ?? Infinity
    if (timeout === 0) return Promise.reject(this.#rejection('timeout'))
    let loser: Waiter | undefined
    try {
      loser = this.#queue.push(waiter)
    } catch (error) {
      return Promise.reject(error)
    }
    if (loser === waiter) return Promise.reject(this.#rejection('full'))
    const promise = waiter.promise()
    if (loser !== undefined) this.#reject(loser, this.#rejection('evicted'))
    if (timeout !== Infinity) this.#deadlines.add(waiter, timeout)
    watchAbort(waiter, this.#leave)
    // A queue may put the newcomer first, or have dropped a heavy waiter that held others back.
    this.#settle()
    return promise
  }

  /** Serves whoever goes next while the permits last, and notices when all have gone. */
  #settle(): void {
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      if (this.#isTooHeavy(next.weight)) {
        this.#turnAway(next, 'evicted')
      } else if (!this.#fits(next.weight)) {
        break
      } else if (this.#queue.sheds?.(next)) {
        this.#turnAway(next, 'shed')
      } else {
        if (this.#queue.serve === undefined) this.#queue.remove(next)
        else this.#queue.serve(next)
        this.#grant(next)
      }
    }
    if (this.#onIdle.length > 0 && this.#isIdle) {
      for (const resolve of this.#onIdle.splice(0)) resolve()
    }
  }

  #grant(waiter: Waiter): void {
    this.#free -= waiter.weight
    this.#queue.admitted?.(waiter.weight, waiter.key)
    this.#deadlines.remove(waiter)
    this.#granted.add(waiter, this.#queue.size === 0)
  }

  /** A waiter gives up or is told to; granted but not told yet, its permit moves on. */
  readonly #leave = (waiter: Waiter, error: unknown): void => {
    if (waiter.granted) {
      this.#granted.remove(waiter)
      this.#queue.released?.(undefined, waiter.weight, waiter.key)
      this.#free += waiter.weight
    } else {
      this.#queue.remove(waiter)
    }
    this.#reject(waiter, error)
    this.#settle()
  }

  #turnAway(waiter: Waiter, reason: RejectionReason): void {
    this.#queue.remove(waiter)
    this.#reject(waiter, this.#rejection(reason))
  }

  /** Settles a waiter that is no longer in any list. */
  #reject(waiter: Waiter, error: unknown): void {
    this.#deadlines.remove(waiter)
    unwatchAbort(waiter)
    waiter.reject(error)
  }

  #rejection(reason: RejectionReason): RejectedError {
    return reason === 'closed' && this.#closed?.reason !== undefined
      ? new RejectedError(reason, { cause: this.#closed.reason })
      : new RejectedError(reason)
  }
}

// What console.log shows in Node, Bun and Deno.
Object.defineProperty(Semaphore.prototype, Symbol.for('nodejs.util.inspect.custom'), {
  value: Semaphore.prototype.toString,
})
