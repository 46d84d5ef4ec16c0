import { type AcquireRequest, type Limiter, type Outcome, type Permit, RejectedError } from '@lineclear/core'
import { LEFT } from './client-signal.ts'
import { LONGEST_TIMER } from './longest-timer.ts'
import type { HoldTerms } from './visit.ts'
import { WebVisit } from './web-visit.ts'

/** The context that Workers hands to a handler. */
export interface WorkersContext {
  waitUntil(promise: Promise<unknown>): void
  passThroughOnException(): void
}

// Whose permits have to be back by when. A request that workerd ends takes its timers with it.
const overdue = new WeakMap<Limiter, Set<WorkersVisit>>()

/**
 * A visit on Cloudflare Workers, where each request has its own I/O: a request that awaits only what
 * another one resolves counts as hung, and timers, listeners and continuations end with theirs.
 */
export class WorkersVisit extends WebVisit {
  readonly #context: WorkersContext | undefined
  #leaving: AbortController | undefined
  #released: (() => void) | undefined
  #waits = false
  #due = Infinity

  constructor(request: Request, context: WorkersContext | undefined) {
    super(request, context)
    this.#context = context
  }

  override arrive(limiter: Limiter, key: string | undefined): 'gone' | 'admitted' | undefined {
    reclaim(limiter)
    return super.arrive(limiter, key)
  }

  override leaving(): AbortSignal {
    this.#leaving ??= new AbortController()
    return this.#leaving.signal
  }

  /** With a timer of its own, which is pending as long as it waits: that is what keeps it from being hung. */
  override async wait(limiter: Limiter, request: AcquireRequest): Promise<Permit> {
    const timeout = request.timeout ?? limiter.timeout ?? Infinity
    if (timeout === 0) return limiter.acquire(request)
    this.#outlive()
    this.#waits = true
    const signal = this.leaving()
    const give = (): void => this.#leaving?.abort(new RejectedError('timeout'))
    const timer = setTimeout(give, Math.min(timeout, LONGEST_TIMER))
    try {
      return await limiter.acquire({ ...request, timeout: Infinity, signal })
    } finally {
      clearTimeout(timer)
      this.#waits = false
    }
  }

  override hold<Context extends unknown[]>(
    permit: Permit,
    terms?: HoldTerms<Context>,
    context?: Context,
  ): void {
    super.hold(permit, terms, context as Context)
    if (!this.holds) return
    this.#outlive()
    if (terms === undefined || terms.maxHold === Infinity) return
    this.#due = performance.now() + terms.maxHold
    overdueOf(this.limiter as Limiter).add(this)
  }

  override end(outcome: Outcome): void {
    super.end(outcome)
    this.#leaving?.abort(LEFT)
    this.#leave()
  }

  protected override release(outcome: Outcome): void {
    if (this.limiter !== undefined) overdue.get(this.limiter)?.delete(this)
    super.release(outcome)
    this.#leave()
  }

  /**
   * Keeps what leaves the queue, or releases the permit, from ending with the client's connection: a
   * permit handed to a request that has ended is lost.
   */
  #outlive(): void {
    if (this.#released !== undefined) return
    this.#context?.waitUntil(
      new Promise<void>((resolve) => {
        this.#released = resolve
      }),
    )
  }

  #leave(): void {
    // Who waits may have been granted a permit without being told yet, and has to hand it on.
    if (!this.holds && !this.#waits) this.#released?.()
  }

  /** Takes the permit back if its timer should have. */
  reclaim(now: number): void {
    if (this.#due <= now) this.release('dropped')
  }
}

function reclaim(limiter: Limiter): void {
  const visits = overdue.get(limiter)
  if (visits === undefined) return
  const now = performance.now()
  for (const visit of visits) visit.reclaim(now)
}

function overdueOf(limiter: Limiter): Set<WorkersVisit> {
  let visits = overdue.get(limiter)
  if (visits === undefined) {
    visits = new Set()
    overdue.set(limiter, visits)
  }
  return visits
}
