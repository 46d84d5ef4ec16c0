import { BoundedSemaphore } from '../bounded-semaphore.ts'
import { checkCount, checkOptions, wrongType } from '../check.ts'
import type { Clock } from '../clock.ts'
import type { AcquireRequest, Limiter, Outcome, Permit } from '../limiter.ts'
import type { RejectedError } from '../rejected-error.ts'
import type { LimitAlgorithm, Sample } from './limit-algorithm.ts'
import type { LoadSignal } from './load-signal.ts'

export interface AdaptiveOptions {
  /** While it says overloaded, each `success` counts as `dropped`. Default none. */
  signal?: LoadSignal | undefined
}

/**
 * A limiter around `semaphore` that moves its limit as `algorithm` finds best, from how long permits
 * are held and with what outcome they are released. The limit starts with the semaphore's, unless the
 * algorithm was given another, and `semaphore.resize()` is called whenever it changes.
 *
 * The semaphore stays usable. While it is resized to 0, a pause, its limit stays there. Permits that were acquired from it directly count as in use, but are
 * not measured. A weight must fit the limit of the moment, or it throws; give the algorithm a `min`
 * that leaves room for the heaviest.
 *
 * @throws TypeError for anything but a BoundedSemaphore, an algorithm and known options, and for a
 * semaphore or an algorithm that already belongs to an adaptive limiter.
 */
export function adaptive(
  semaphore: BoundedSemaphore,
  algorithm: LimitAlgorithm,
  options: AdaptiveOptions = {},
): AdaptiveLimiter {
  return new AdaptiveLimiter(semaphore, algorithm, options)
}

const owned = new WeakSet<object>()

/** See {@link adaptive}. */
export class AdaptiveLimiter implements Limiter {
  readonly #semaphore: BoundedSemaphore
  readonly #algorithm: LimitAlgorithm
  readonly #signal: LoadSignal | undefined
  readonly #sample: Writable<Sample>
  /** What the algorithm last said. Others may have resized the semaphore since. */
  #limit: number
  /** Permits in use through this limiter, and since when. */
  #inside = 0
  #since: number

  constructor(semaphore: BoundedSemaphore, algorithm: LimitAlgorithm, options: AdaptiveOptions = {}) {
    if (!(semaphore instanceof BoundedSemaphore)) {
      throw wrongType('semaphore', 'a BoundedSemaphore', semaphore)
    }
    if (typeof algorithm?.start !== 'function' || typeof algorithm.update !== 'function') {
      throw wrongType('algorithm', 'an algorithm such as probedLittle()', algorithm)
    }
    checkOptions('options', options, ['signal'])
    const { signal } = options
    if (signal !== undefined && typeof signal?.overloaded !== 'boolean') {
      throw wrongType('signal', 'a load signal, with overloaded', signal)
    }
    for (const [name, part] of Object.entries({ semaphore, algorithm })) {
      if (owned.has(part)) throw new TypeError(`${name} already belongs to an adaptive limiter`)
    }
    const limit = algorithm.start(semaphore.limit)
    checkCount("the algorithm's limit", limit, 1)
    owned.add(semaphore).add(algorithm)
    this.#semaphore = semaphore
    this.#algorithm = algorithm
    this.#signal = signal
    this.#limit = limit
    this.#since = this.clock.now()
    this.#sample = {
      now: this.#since,
      hold: 0,
      weight: 0,
      outcome: 'success',
      inUse: 0,
      waiting: 0,
      limit,
      area: 0,
    }
    semaphore.resize(limit)
  }

  /** The semaphore. */
  get inner(): BoundedSemaphore {
    return this.#semaphore
  }

  /** How many permits there are now. An algorithm may lower it for a moment, to measure. */
  get limit(): number {
    return this.#semaphore.limit
  }

  /** How many permits are out. More than `limit` only after the limit was lowered. */
  get inUse(): number {
    return this.#semaphore.inUse
  }

  /** How many wait. */
  get waiting(): number {
    return this.#semaphore.waiting
  }

  get timeout(): number | undefined {
    return this.#semaphore.timeout
  }

  get full(): boolean {
    return this.#semaphore.full
  }

  get clock(): Clock {
    return this.#semaphore.clock
  }

  tryAcquire(request?: AcquireRequest): Permit | undefined {
    const permit = this.#semaphore.tryAcquire(request)
    return permit && this.#admit(permit, request?.weight ?? 1)
  }

  refuse(request?: AcquireRequest): RejectedError | undefined {
    return this.#semaphore.refuse(request)
  }

  acquire(request?: AcquireRequest): Promise<Permit> {
    const weight = request?.weight ?? 1
    const signal = request?.signal
    return this.#semaphore.acquire(request).then((permit) => {
      if (signal?.aborted) {
        permit.release('ignored')
        throw signal.reason
      }
      return this.#admit(permit, weight)
    })
  }

  /** Closes the semaphore: see its `close`. */
  close(reason?: unknown): void {
    this.#semaphore.close(reason)
  }

  /** Resolves when nothing is in use and nobody waits. */
  drain(): Promise<void> {
    return this.#semaphore.drain()
  }

  #admit(permit: Permit, weight: number): Permit {
    const now = this.#integrate()
    this.#inside += weight
    return new AdaptivePermit(this.#end, permit, weight, now)
  }

  readonly #end = (permit: Permit, weight: number, since: number, outcome: Outcome): void => {
    const now = this.#integrate()
    this.#inside -= weight
    const sample = this.#sample
    sample.now = now
    sample.hold = now - since
    sample.weight = weight
    sample.inUse = this.#semaphore.inUse
    sample.waiting = this.#semaphore.waiting
    sample.limit = this.#semaphore.limit
    // First the new limit, then the release: the next waiter has to fit the new one.
    try {
      sample.outcome = outcome === 'success' && this.#signal?.overloaded ? 'dropped' : outcome
      const limit = this.#algorithm.update(sample)
      if (limit !== this.#limit && sample.limit > 0) this.#move(limit)
    } finally {
      permit.release(outcome)
    }
  }

  #move(limit: number): void {
    checkCount("the algorithm's limit", limit, 1)
    this.#limit = limit
    this.#semaphore.resize(limit)
  }

  /** Brings the area up to now, and returns now. */
  #integrate(): number {
    const now = this.clock.now()
    this.#sample.area += this.#inside * (now - this.#since)
    this.#since = now
    return now
  }
}

class AdaptivePermit implements Permit {
  #permit: Permit | undefined
  readonly #end: (permit: Permit, weight: number, since: number, outcome: Outcome) => void
  readonly #weight: number
  readonly #since: number

  constructor(
    end: (permit: Permit, weight: number, since: number, outcome: Outcome) => void,
    permit: Permit,
    weight: number,
    since: number,
  ) {
    this.#end = end
    this.#permit = permit
    this.#weight = weight
    this.#since = since
  }

  /**
   * @throws whatever the algorithm throws, or a RangeError for a limit below 1; the permit is given
   * back all the same, and the limit stays.
   */
  release(outcome: Outcome = 'success'): void {
    const permit = this.#permit
    if (permit === undefined) return
    this.#permit = undefined
    this.#end(permit, this.#weight, this.#since, outcome)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

type Writable<T> = { -readonly [K in keyof T]: T[K] }
