import { checkLimiter, wrongType } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { limitOf } from './limit-of.ts'
import type { AcquireRequest, Limiter, Outcome, Permit } from './limiter.ts'
import type { RejectedError, RejectionReason } from './rejected-error.ts'

/**
 * Who is told what happens at a limiter. Each is told after it happened, and may ask the limiter again.
 * `request` is what the caller asked with, if with anything.
 */
export interface Observer {
  /** Somebody has a permit, after `wait` ms: 0 if one was free. */
  admitted?(event: {
    wait: number
    /** Whether `queued` was told before. */
    queued: boolean
    request: AcquireRequest | undefined
  }): unknown
  /** Somebody waits. Ends in `admitted` or `rejected`. */
  queued?(event: { request: AcquireRequest | undefined }): unknown
  /** Somebody was turned away or gave up, after `wait` ms. */
  rejected?(event: {
    /** Why it was turned away; `aborted` for its signal, `failed` for any other error. */
    reason: RejectionReason | 'aborted' | 'failed'
    /** What `acquire` rejects with. */
    error: unknown
    wait: number
    /** Whether `queued` was told before. */
    queued: boolean
    request: AcquireRequest | undefined
  }): unknown
  /** Somebody gave a permit back, after `hold` ms. */
  released?(event: { outcome: Outcome; hold: number; request: AcquireRequest | undefined }): unknown
}

const EVENTS = ['admitted', 'queued', 'rejected', 'released'] as const

/**
 * The limiter, with an observer that is told what happens through it; it does nothing else. What the
 * observer has no method for costs nothing; that of one without any is the limiter itself.
 *
 * A `tryAcquire()` that gives nothing is no rejection: its caller may ask on with `acquire()`, as our
 * adapters do. `queued` is told of an `acquire()` that found no permit free and was not refused at
 * once, as far as the limiter tells by `full`. A bad request is not told.
 *
 * What an observer throws, or rejects with if it is async, goes to `console.error` and changes nothing.
 *
 * @throws TypeError for anything else than a limiter and an observer, whose methods must be functions.
 */
export function observed(limiter: Limiter, observer: Observer): Limiter {
  checkLimiter('limiter', limiter)
  if (typeof observer !== 'object' || observer === null) throw wrongType('observer', 'an object', observer)
  for (const event of EVENTS) {
    const method: unknown = observer[event]
    if (method !== undefined && typeof method !== 'function') throw wrongType(event, 'a function', method)
  }
  return EVENTS.some((event) => observer[event] !== undefined) ? new Observed(limiter, observer) : limiter
}

class Observed implements Limiter {
  readonly inner: Limiter
  readonly #observer: Observer
  readonly #clock: Clock

  constructor(limiter: Limiter, observer: Observer) {
    this.inner = limiter
    this.#observer = observer
    this.#clock = limiter.clock ?? systemClock
  }

  get limit(): number | undefined {
    return this.inner.limit
  }

  limitOf(key: string | undefined): number | undefined {
    return limitOf(this.inner, key)
  }

  get timeout(): number | undefined {
    return this.inner.timeout
  }

  get full(): boolean | undefined {
    return this.inner.full
  }

  get clock(): Clock | undefined {
    return this.inner.clock
  }

  /** How many wait, where the limiter tells. */
  get waiting(): number | undefined {
    return (this.inner as { waiting?: number }).waiting
  }

  tryAcquire(request?: AcquireRequest): Permit | undefined {
    const permit = this.inner.tryAcquire(request)
    return permit && this.#admit(permit, 0, false, request)
  }

  refuse(request?: AcquireRequest): RejectedError | undefined {
    const error = this.inner.refuse?.(request)
    if (error !== undefined) {
      this.#tell('rejected', { reason: error.reason, error, wait: 0, queued: false, request })
    }
    return error
  }

  acquire(request?: AcquireRequest): Promise<Permit> {
    try {
      const permit = this.tryAcquire(request)
      return permit === undefined ? this.#wait(request) : Promise.resolve(permit)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  async #wait(request: AcquireRequest | undefined): Promise<Permit> {
    const { signal, timeout = this.timeout } = request ?? {}
    const since = this.#clock.now()
    const queued = !this.full && timeout !== 0 && !signal?.aborted
    const waited = this.inner.acquire(request)
    if (queued) this.#tell('queued', { request })
    try {
      const permit = await waited
      if (signal?.aborted) {
        // Between the grant and now.
        permit.release('ignored')
        throw signal.reason
      }
      return this.#admit(permit, this.#clock.now() - since, queued, request)
    } catch (error) {
      const reason = reasonOf(error, signal)
      this.#tell('rejected', { reason, error, wait: this.#clock.now() - since, queued, request })
      throw error
    }
  }

  #admit(permit: Permit, wait: number, queued: boolean, request: AcquireRequest | undefined): Permit {
    const { admitted, released } = this.#observer
    if (admitted !== undefined) this.#tell('admitted', { wait, queued, request })
    if (released === undefined) return permit
    const since = this.#clock.now()
    return new ObservedPermit(permit, (outcome) => {
      this.#tell('released', { outcome, hold: this.#clock.now() - since, request })
    })
  }

  #tell<E extends keyof Observer>(event: E, details: Parameters<NonNullable<Observer[E]>>[0]): void {
    const observer = this.#observer as Record<E, ((details: unknown) => unknown) | undefined>
    try {
      const told = observer[event]?.(details) as PromiseLike<unknown> | null | undefined
      if (typeof told?.then === 'function') told.then(undefined, report)
    } catch (error) {
      report(error)
    }
  }
}

class ObservedPermit implements Permit {
  #permit: Permit | undefined
  #tell: ((outcome: Outcome) => void) | undefined

  constructor(permit: Permit, tell: (outcome: Outcome) => void) {
    this.#permit = permit
    this.#tell = tell
  }

  release(outcome: Outcome = 'success'): void {
    const [permit, tell] = [this.#permit, this.#tell]
    this.#permit = this.#tell = undefined
    try {
      permit?.release(outcome)
    } finally {
      tell?.(outcome)
    }
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

function reasonOf(error: unknown, signal: AbortSignal | undefined): RejectionReason | 'aborted' | 'failed' {
  // By name: an app may hold two copies of the core.
  if (error instanceof Error && error.name === 'RejectedError') return (error as RejectedError).reason
  return signal?.aborted && error === signal.reason ? 'aborted' : 'failed'
}

function report(error: unknown): void {
  console.error('lineclear: an observer failed:', error)
}
