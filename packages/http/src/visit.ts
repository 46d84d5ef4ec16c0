import type { AcquireRequest, Limiter, Outcome, Permit } from '@lineclear/core'
import type { Calendar } from './calendar.ts'
import { isPromise } from './maybe-promise.ts'

/** How long a permit is held, where it is not simply until the response is over. */
export interface HoldTerms<Context extends unknown[] = never> {
  readonly releaseOn: 'close' | 'settled' | 'headers'
  /** In ms; Infinity for as long as it takes. */
  readonly maxHold: number
  /** Called when a permit was taken back: what is to become of the response. */
  readonly overdue: (...context: Context) => 'destroy' | 'release'
}

/** One request's stay at one limiter: it arrives, perhaps waits, holds a permit, and ends once. */
export abstract class Visit {
  /** Its response is over: it wants no permit any more. */
  over = false
  limiter: Limiter | undefined
  key: string | undefined
  /** Its handler runs, and a permit may yet come, as in a dry run. */
  protected expects = false
  #permit: Permit | undefined
  #calendar: Calendar | undefined
  #weight = 1
  #since = 0
  // Why the permit is held: for the response, or its head; and for each who asked to keep it.
  #responds = true
  #keepers = 0
  #outcome: Outcome = 'ignored'
  #awaitsHandler = false
  #timer: ReturnType<typeof setTimeout> | undefined

  /**
   * Attaches to the request before it asks for a permit. Returns how it ends if it need not ask:
   * `gone` if the response is over already, `admitted` if it is inside this limiter already.
   */
  abstract arrive(limiter: Limiter, key: string | undefined): 'gone' | 'admitted' | undefined

  /**
   * What it has to wait for before it may ask at all; `undefined` if for nothing. Resolves, never
   * rejects, also when the visit is over meanwhile.
   */
  behind(): Promise<void> | undefined {
    return undefined
  }

  /** Aborts when the client leaves. Asked for only when the request has to wait. */
  abstract leaving(): AbortSignal

  /** Waits for a permit, until the client leaves. */
  wait(limiter: Limiter, request: AcquireRequest): Promise<Permit> {
    return limiter.acquire({ ...request, signal: this.leaving() })
  }

  /** Calls back when the headers of the response are sent, if it has any. */
  protected abstract onHeaders(sent: () => void): void

  /** Ends a response whose permit was taken back. */
  protected abstract destroy(): void

  /** Tells the handler that it has no permit any more, if it listens. */
  protected abstract takenBack(): void

  /** Whether nobody is there any more to be served, perhaps before `end()` is told. */
  get gone(): boolean {
    return this.over
  }

  get holds(): boolean {
    return this.#permit !== undefined
  }

  /** Whether its permit will be taken back at some time. */
  protected get timed(): boolean {
    return this.#timer !== undefined
  }

  /** The handler is called now, and a permit may come later, to be held on these terms. */
  expect<Context extends unknown[]>(terms: HoldTerms<Context> | undefined): void {
    this.expects = true
    this.#awaitsHandler = terms?.releaseOn === 'settled'
  }

  /** Keeps the permit until the end, or hands it on if the end has come already. */
  hold(permit: Permit): void
  hold<Context extends unknown[]>(
    permit: Permit,
    terms: HoldTerms<Context> | undefined,
    context: Context,
  ): void
  hold<Context extends unknown[]>(permit: Permit, terms?: HoldTerms<Context>, context?: Context): void {
    if (this.over) {
      permit.release('ignored')
      return
    }
    this.#permit = permit
    if (terms !== undefined) this.#agree(terms, context as Context)
  }

  /** Tells the calendar, when the permit comes back, how long it was held. */
  measure(calendar: Calendar, weight: number): void {
    if (!this.holds) return
    this.#calendar = calendar
    this.#weight = weight
    this.#since = calendar.now()
  }

  /**
   * Calls the handler and returns what it returns: that itself, or with `releaseOn: 'settled'` a promise
   * like its own. A rejection is left to the caller in either case.
   */
  serve<T>(work: () => T): T {
    if (!this.#awaitsHandler) return work()
    const settled = this.keep()
    let result: T
    try {
      result = work()
    } catch (error) {
      settled()
      throw error
    }
    if (!isPromise(result)) {
      settled()
      return result
    }
    // Not a second branch: with a handler of our own on it, a rejection that nobody handles went unseen.
    return Promise.resolve(result).then(
      (value) => {
        settled()
        return value
      },
      (error) => {
        settled()
        throw error
      },
    ) as T
  }

  /** Keeps the permit beyond the end of the response, until the returned function is called. */
  keep(): () => void {
    this.#keepers++
    let kept = true
    return () => {
      if (!kept) return
      kept = false
      this.#keepers--
      this.#releaseUnlessKept()
    }
  }

  /** The response is over. Later calls do nothing. */
  end(outcome: Outcome): void {
    if (this.over) return
    this.over = true
    this.#respondsNoMore(outcome)
  }

  /** Gives the permit back, whoever keeps it. */
  protected release(outcome: Outcome): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const permit = this.#permit
    if (permit === undefined) return
    this.#permit = undefined
    this.#calendar?.held(this.#calendar.now() - this.#since, this.#weight)
    permit.release(outcome)
  }

  #respondsNoMore(outcome: Outcome): void {
    // With the head sent, how the body ends says nothing of what the permit was for.
    if (this.#responds) this.#outcome = outcome
    this.#responds = false
    this.#releaseUnlessKept()
  }

  #releaseUnlessKept(): void {
    if (!this.#responds && this.#keepers === 0) this.release(this.#outcome)
  }

  #agree<Context extends unknown[]>(
    { releaseOn, maxHold, overdue }: HoldTerms<Context>,
    context: Context,
  ): void {
    this.#awaitsHandler = releaseOn === 'settled'
    if (releaseOn === 'headers') this.onHeaders(() => this.#respondsNoMore('success'))
    if (maxHold === Infinity || !this.holds) return
    this.#timer = setTimeout(() => this.#expire(() => overdue(...context)), maxHold)
    // Not on every platform: elsewhere timers are numbers and keep nothing alive.
    ;(this.#timer as { unref?: () => void }).unref?.()
  }

  #expire(decide: () => 'destroy' | 'release'): void {
    // First, while it is known whom to tell.
    this.takenBack()
    this.release('dropped')
    // A permit that was kept beyond its response has none to destroy, on a connection that may have others.
    if (decide() === 'destroy' && !this.over) this.destroy()
  }
}

/** Keeps the permits of several visits until the returned function is called. */
export function keepAll(visits: readonly Visit[]): () => void {
  const releases = visits.map((visit) => visit.keep())
  return () => {
    for (const release of releases) release()
  }
}
