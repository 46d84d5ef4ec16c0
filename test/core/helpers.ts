import { setImmediate } from 'node:timers/promises'
import { type AcquireRequest, type Clock, type Limiter, type Permit, RejectedError } from '@lineclear/core'

/** Lets all microtasks run, and those that they queue. Fake timers do not stop it. */
export async function flush(): Promise<void> {
  await setImmediate()
}

/** One call of `acquire`, and what came of it so far. */
export class Asked {
  /** `pending`, `permit`, the reason of a RejectedError, or any other error itself. */
  outcome: unknown = 'pending'
  /** Resolves to the outcome, whatever it is. */
  readonly settled: Promise<unknown>
  #permit: Permit | undefined

  constructor(promise: Promise<Permit>) {
    this.settled = promise.then(
      (permit) => {
        this.#permit = permit
        this.outcome = 'permit'
        return this.outcome
      },
      (error) => {
        this.outcome = error instanceof RejectedError ? error.reason : error
        return this.outcome
      },
    )
  }

  release(): void {
    if (this.#permit === undefined) throw new Error('there is no permit to release yet')
    this.#permit.release()
  }
}

export function ask(limiter: Limiter, request?: AcquireRequest): Asked {
  return new Asked(limiter.acquire(request))
}

/** As many calls of `acquire`. */
export function askTimes(count: number, limiter: Limiter, request?: AcquireRequest): Asked[] {
  return Array.from({ length: count }, () => ask(limiter, request))
}

export function outcomes(asked: readonly Asked[]): unknown[] {
  return asked.map(({ outcome }) => outcome)
}

/** Notes the names of those who get a permit, in the order they run. They keep it. */
export function noteOrder(limiter: Limiter, log: unknown[], name: unknown, request?: AcquireRequest): Asked {
  const asked = ask(limiter, request)
  void asked.settled.then((outcome) => {
    if (outcome === 'permit') log.push(name)
  })
  return asked
}

/** A permit that has to be free now. */
export function take(limiter: Limiter, request?: AcquireRequest): Permit {
  const permit = limiter.tryAcquire(request)
  if (permit === undefined) throw new Error('no permit is free')
  return permit
}

/** How many permits can be had now; it gives them back. */
export function countFree(limiter: Limiter): number {
  const permits: Permit[] = []
  for (let permit = limiter.tryAcquire(); permit !== undefined; permit = limiter.tryAcquire()) {
    permits.push(permit)
    if (permits.length > 1000) throw new Error('permits without end')
  }
  for (const permit of permits) permit.release()
  return permits.length
}

/** The error a function throws. */
export function thrownBy(action: () => unknown): unknown {
  try {
    action()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

interface Timer {
  at: number
  callback: () => void
}

/** Time that passes only when told to. Its timers overflow as those of the platforms do. */
export class VirtualClock implements Clock {
  /** How many timers were ever set. */
  timersSet = 0
  #now = 0
  #timers: Timer[] = []

  now(): number {
    return this.#now
  }

  setTimer(callback: () => void, ms: number): () => void {
    const delay = ms >= 1 && ms <= 2 ** 31 - 1 ? ms : 1
    const timer: Timer = { at: this.#now + delay, callback }
    this.timersSet++
    this.#timers.push(timer)
    return () => this.#cancel(timer)
  }

  /** Timers that have yet to ring. */
  get timers(): number {
    return this.#timers.length
  }

  /** Time passes and each timer rings when due. No microtask runs. */
  advance(ms: number): void {
    const end = this.#now + ms
    for (let timer = this.#nextDue(end); timer !== undefined; timer = this.#nextDue(end)) {
      this.#now = Math.max(this.#now, timer.at)
      this.#cancel(timer)
      timer.callback()
    }
    this.#now = end
  }

  /** Time passes while the process is busy: the timers that are due ring at the next `advance`. */
  block(ms: number): void {
    this.#now += ms
  }

  #cancel(timer: Timer): void {
    this.#timers = this.#timers.filter((other) => other !== timer)
  }

  #nextDue(end: number): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.at <= end && (next === undefined || timer.at < next.at)) next = timer
    }
    return next
  }
}
