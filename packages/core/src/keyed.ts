import { checkCount, checkKey, checkLimiter, checkOptions, checkRequest, wrongType } from './check.ts'
import type { Clock } from './clock.ts'
import { doAll } from './do-all.ts'
import type { AcquireRequest, Limiter, Outcome, Permit } from './limiter.ts'
import { RejectedError } from './rejected-error.ts'

export interface KeyedOptions {
  /** How many keys may have a limiter at the same time; Infinity for no bound. Default 10,000. */
  maxKeys?: number | undefined
  /**
   * What becomes of a further key: `refuse` rejects it as `full`; `share` lets it in with all who have
   * no key, until a key is idle. Default `refuse`.
   */
  onMaxKeys?: 'refuse' | 'share' | undefined
}

/**
 * A limit for each `key` of a request, and one for all requests without a key.
 *
 * A key has a limiter while a permit of it is in use or somebody waits for one, and leaves nothing
 * behind after that: what its limiter has learnt, or was resized to, is gone, and the next request
 * makes another.
 *
 * @param make makes the limiter of a key: at once with `undefined`, for those without a key, which also
 *   gives `timeout` and `clock`; then whenever a key needs one. What it throws is thrown, or rejected
 *   with, and nothing is kept.
 * @throws TypeError or RangeError for bad options, and if `make` returns no limiter; what `make` throws.
 */
export function keyed<L extends Limiter>(
  make: (key: string | undefined) => L,
  options: KeyedOptions = {},
): Keyed<L> {
  return new Keyed(make, options)
}

const MAX_KEYS = 10_000
// No queue of its own is full: it has none.
const TOO_MANY_KEYS = 'Too many different keys have requests at the same time.'

/** A limiter for each key, made by `keyed()`. It counts its own permits, whatever its limiters are. */
export class Keyed<L extends Limiter = Limiter> implements Limiter {
  readonly #make: (key: string | undefined) => L
  readonly #maxKeys: number
  readonly #shares: boolean
  readonly #keyless: Member<L>
  readonly #members = new Map<string, Member<L>>()
  /** Permits in use, those who wait, and those who are asking just now. */
  #users = 0
  #inUse = 0
  #waiting = 0
  #varies = false
  #closed: { reason: unknown } | undefined
  #onIdle: (() => void)[] = []

  /** @internal */
  constructor(make: (key: string | undefined) => L, options: KeyedOptions) {
    if (typeof make !== 'function') throw wrongType('make', 'a function that returns a limiter', make)
    checkOptions('options', options, ['maxKeys', 'onMaxKeys'])
    const { maxKeys = MAX_KEYS, onMaxKeys = 'refuse' } = options
    checkCount('maxKeys', maxKeys, 1, true)
    if (onMaxKeys !== 'refuse' && onMaxKeys !== 'share') {
      throw wrongType('onMaxKeys', '"refuse" or "share"', onMaxKeys)
    }
    this.#make = make
    this.#maxKeys = maxKeys
    this.#shares = onMaxKeys === 'share'
    this.#keyless = this.#newMember(undefined)
  }

  /** How many permits a key has; undefined once a limiter was made with another limit than the first. */
  get limit(): number | undefined {
    return this.#varies ? undefined : this.#keyless.limiter.limit
  }

  /**
   * How many permits a key has, or would have: the limiter of an idle one is made to see, and not kept.
   * Undefined if its limiter does not tell, or there is none for it.
   */
  limitOf(key?: string): number | undefined {
    checkKey(key)
    const member = this.#find(key)
    return typeof member === 'string' ? undefined : (member ?? this.#newMember(key)).limiter.limit
  }

  /** The longest wait in ms where a request does not say, as the limiter of those without a key has it. */
  get timeout(): number | undefined {
    return this.#keyless.limiter.timeout
  }

  /** Only when closed: else it depends on the key. */
  get full(): boolean {
    return this.#closed !== undefined
  }

  /** The clock of the limiter of those without a key. */
  get clock(): Clock | undefined {
    return this.#keyless.limiter.clock
  }

  /** How many keys have a limiter now. */
  get keys(): number {
    return this.#members.size
  }

  /** How many permits are out, of all keys and without one. */
  get inUse(): number {
    return this.#inUse
  }

  /** How many wait, for all keys and without one. */
  get waiting(): number {
    return this.#waiting
  }

  /**
   * The limiter that a key has now, to look at; undefined if it has none. That of those without a key
   * is always there. Permits taken from it directly do not count here: it may go while they are out.
   */
  get(key?: string): L | undefined {
    return key === undefined ? this.#keyless.limiter : this.#members.get(key)?.limiter
  }

  tryAcquire(request?: AcquireRequest): Permit | undefined {
    const member = this.#enter(request)
    if (typeof member === 'string') return undefined
    const permit = this.#try(member, request)
    if (permit === undefined) this.#leave(member)
    return permit
  }

  /** Only for a key that has a limiter now. */
  refuse(request?: AcquireRequest): RejectedError | undefined {
    const member = this.#find(request?.key)
    return typeof member === 'object' ? member.limiter.refuse?.(request) : undefined
  }

  acquire(request?: AcquireRequest): Promise<Permit> {
    try {
      const member = this.#enter(request)
      if (typeof member === 'string') return Promise.reject(this.#refusal(member, request))
      const permit = this.#try(member, request)
      return permit === undefined ? this.#wait(member, request) : Promise.resolve(permit)
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /**
   * Turns away everybody from now on, with reason `closed` and `reason` as the error's cause, and closes
   * each limiter that has a `close()`; who waits at one that has none goes on waiting. Permits in use stay
   * valid. A second call does nothing.
   */
  close(reason?: unknown): void {
    if (this.#closed !== undefined) return
    this.#closed = { reason }
    doAll([this.#keyless, ...this.#members.values()], ({ limiter }) => {
      ;(limiter as { close?: (reason?: unknown) => void }).close?.(reason)
    })
  }

  /**
   * Resolves when nothing is in use and nobody waits, whatever the key; at once if that is so now. It
   * keeps nobody out: for a shutdown, `close()` first.
   */
  drain(): Promise<void> {
    return this.#users === 0 ? Promise.resolve() : new Promise((resolve) => this.#onIdle.push(resolve))
  }

  /** Counts a request in at the limiter of its key. A reason if there is none for it. */
  #enter(request: AcquireRequest | undefined): Member<L> | Refusal {
    const key = request?.key
    checkKey(key)
    const member = this.#memberFor(key)
    if (typeof member !== 'string') {
      member.users++
      this.#users++
    } else if (request !== undefined) checkRequest(request)
    return member
  }

  #memberFor(key: string | undefined): Member<L> | Refusal {
    const member = this.#find(key)
    if (member !== undefined || key === undefined) return member ?? this.#keyless
    const made = this.#newMember(key)
    // What `make` did may have made another, or closed this.
    const meanwhile = this.#find(key)
    if (meanwhile !== undefined) return meanwhile
    this.#members.set(key, made)
    this.#varies ||= made.limiter.limit !== this.#keyless.limiter.limit
    return made
  }

  /** Undefined for a key that has no limiter, and may have one. */
  #find(key: string | undefined): Member<L> | Refusal | undefined {
    if (this.#closed !== undefined) return 'closed'
    if (key === undefined) return this.#keyless
    const member = this.#members.get(key)
    if (member !== undefined || this.#members.size < this.#maxKeys) return member
    return this.#shares ? this.#keyless : 'full'
  }

  #newMember(key: string | undefined): Member<L> {
    const limiter = this.#make(key)
    checkLimiter('what make returns', limiter)
    return { key, limiter, users: 0 }
  }

  /** For one who was counted in; counted out if it throws. */
  #try(member: Member<L>, request: AcquireRequest | undefined): Permit | undefined {
    try {
      const permit = member.limiter.tryAcquire(request)
      return permit && this.#hold(member, permit, request?.weight)
    } catch (error) {
      this.#leave(member)
      throw error
    }
  }

  async #wait(member: Member<L>, request: AcquireRequest | undefined): Promise<Permit> {
    const { signal, weight } = request ?? {}
    this.#waiting++
    try {
      const permit = await member.limiter.acquire(request)
      if (signal?.aborted) {
        // Between the grant and now.
        permit.release('ignored')
        throw signal.reason
      }
      this.#waiting--
      return this.#hold(member, permit, weight)
    } catch (error) {
      this.#waiting--
      this.#leave(member)
      throw error
    }
  }

  #hold(member: Member<L>, permit: Permit, weight: number = 1): Permit {
    this.#inUse += weight
    return new KeyedPermit(permit, () => {
      this.#inUse -= weight
      this.#leave(member)
    })
  }

  #leave(member: Member<L>): void {
    member.users--
    this.#users--
    if (member.users === 0 && member.key !== undefined) this.#members.delete(member.key)
    if (this.#users === 0) for (const resolve of this.#onIdle.splice(0)) resolve()
  }

  #refusal(reason: Refusal, request: AcquireRequest | undefined): unknown {
    if (request?.signal?.aborted) return request.signal.reason
    if (reason === 'full') return new RejectedError(reason, { detail: TOO_MANY_KEYS })
    const cause = this.#closed?.reason
    return new RejectedError(reason, cause === undefined ? {} : { cause })
  }
}

type Refusal = 'full' | 'closed'

/** A key that has a limiter, or all those without a key. */
interface Member<L extends Limiter> {
  readonly key: string | undefined
  readonly limiter: L
  /** Its permits in use, those who wait, and those who are asking just now. */
  users: number
}

class KeyedPermit implements Permit {
  #permit: Permit | undefined
  #left: (() => void) | undefined

  constructor(permit: Permit, left: () => void) {
    this.#permit = permit
    this.#left = left
  }

  release(outcome?: Outcome): void {
    const [permit, left] = [this.#permit, this.#left]
    this.#permit = this.#left = undefined
    try {
      permit?.release(outcome)
    } finally {
      left?.()
    }
  }

  [Symbol.dispose](): void {
    this.release()
  }
}
