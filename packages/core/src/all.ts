import { checkLimiter } from './check.ts'
import { type Clock, systemClock } from './clock.ts'
import { doAll } from './do-all.ts'
import { innermost } from './innermost.ts'
import { limitOf } from './limit-of.ts'
import type { AcquireRequest, Limiter, Outcome, Permit } from './limiter.ts'
import { inOrder } from './order.ts'

/**
 * A permit of every one of the limiters, or none. They are taken one after the other: while one is
 * waited for, those before it are held and those after it are untouched. So name the narrowest first,
 * as in `all(perTenant, global)`: a tenant at its limit then waits without a permit of all. When one
 * refuses, fails or is cancelled, what was taken is released in reverse, as `ignored`, and `acquire`
 * rejects as that one did. A permit releases all, in reverse, with its outcome.
 *
 * They are taken in the order given, except where an earlier `all` took some of them in another: any
 * two limiters have one order in all of them, so that no two callers wait for each other. An `all`
 * among the limiters is taken apart for that; what a `keyed` makes is not looked into. (As .NET's chained
 * limiters, which leave the order, and so the deadlock, to the caller.)
 *
 * Each is given the whole request. Its `timeout` is for all waits together; without one, each limiter's
 * own applies. `limit` is the smallest, `timeout` the sum where all have one, `waiting` how many wait
 * through it, for whichever, and `full` says that all are full.
 *
 * @throws TypeError without limiters, for anything else than limiters, for one named twice, and for an
 *   `all` inside another limiter such as `observed()`, which cannot be taken apart.
 */
export function all(...limiters: Limiter[]): Limiter & { readonly waiting: number } {
  if (limiters.length === 0) throw new TypeError('all needs at least one limiter')
  const single = limiters.flatMap(apart)
  if (new Set(single.map(innermost)).size < single.length) {
    throw new TypeError('all takes each limiter once: a second permit would wait for the first')
  }
  return new All(inOrder(single))
}

class All implements Limiter {
  readonly limiters: readonly Limiter[]
  #waiting = 0

  constructor(limiters: readonly Limiter[]) {
    this.limiters = limiters
  }

  get limit(): number | undefined {
    return smallest(this.limiters.map(({ limit }) => limit))
  }

  limitOf(key: string | undefined): number | undefined {
    return smallest(this.limiters.map((limiter) => limitOf(limiter, key)))
  }

  get timeout(): number | undefined {
    return this.limiters.reduce<number | undefined>(
      (sum, { timeout }) => (sum === undefined || timeout === undefined ? undefined : sum + timeout),
      0,
    )
  }

  // One that is not full is waited for, whatever comes after it.
  get full(): boolean {
    return this.limiters.every(({ full }) => full)
  }

  get waiting(): number {
    return this.#waiting
  }

  get clock(): Clock | undefined {
    return this.limiters.find(({ clock }) => clock !== undefined)?.clock
  }

  tryAcquire(request?: AcquireRequest): Permit | undefined {
    const taken = this.#takeFree(request)
    if (taken.length === this.limiters.length) return new AllPermit(taken)
    giveBack(taken, 'ignored')
    return undefined
  }

  acquire(request?: AcquireRequest): Promise<Permit> {
    try {
      const taken = this.#takeFree(request)
      if (taken.length === this.limiters.length) return Promise.resolve(new AllPermit(taken))
      return this.#takeRest(taken, request && { ...request })
    } catch (error) {
      return Promise.reject(error)
    }
  }

  /** Takes the first ones, up to one that is not free. */
  #takeFree(request: AcquireRequest | undefined): Permit[] {
    const taken: Permit[] = []
    try {
      for (const limiter of this.limiters) {
        const permit = limiter.tryAcquire(request)
        if (permit === undefined) break
        taken.push(permit)
      }
    } catch (error) {
      giveBack(taken, 'ignored')
      throw error
    }
    return taken
  }

  async #takeRest(taken: Permit[], request: AcquireRequest | undefined): Promise<Permit> {
    const timeLeft = this.#countDown(request?.timeout)
    this.#waiting++
    try {
      for (const limiter of this.limiters.slice(taken.length)) {
        const asked = timeLeft === undefined ? request : { ...request, timeout: timeLeft() }
        taken.push(limiter.tryAcquire(asked) ?? (await limiter.acquire(asked)))
        // It may have aborted between the grant and now.
        request?.signal?.throwIfAborted()
      }
    } catch (error) {
      giveBack(taken, 'ignored')
      throw error
    } finally {
      this.#waiting--
    }
    return new AllPermit(taken)
  }

  #countDown(timeout: number | undefined): (() => number) | undefined {
    if (timeout === undefined) return undefined
    const clock = this.clock ?? systemClock
    const end = clock.now() + timeout
    return () => Math.max(0, end - clock.now())
  }
}

class AllPermit implements Permit {
  #permits: Permit[]

  constructor(permits: Permit[]) {
    this.#permits = permits
  }

  release(outcome?: Outcome): void {
    const permits = this.#permits
    this.#permits = []
    giveBack(permits, outcome)
  }

  [Symbol.dispose](): void {
    this.release()
  }
}

function giveBack(permits: Permit[], outcome: Outcome | undefined): void {
  doAll(permits.reverse(), (permit) => permit.release(outcome))
}

function smallest(limits: readonly (number | undefined)[]): number | undefined {
  const known = limits.filter((limit) => limit !== undefined)
  return known.length === 0 ? undefined : Math.min(...known)
}

function apart(limiter: Limiter, index: number): readonly Limiter[] {
  checkLimiter(`limiters[${index}]`, limiter)
  if (limiter instanceof All) return limiter.limiters
  if (innermost(limiter) instanceof All) {
    throw new TypeError(
      `limiters[${index}] is an all inside another limiter, which cannot be taken apart; wrap its limiters instead`,
    )
  }
  return [limiter]
}
