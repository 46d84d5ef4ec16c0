import { getEventListeners } from 'node:events'
import { setTimeout } from 'node:timers/promises'
import type { AcquireRequest, BoundedSemaphore, Limiter, Permit } from '@lineclear/core'
import type { Findings } from './findings.ts'

type MakeSemaphore = (permits: number) => BoundedSemaphore

/** A semaphore, and how many permits of it may be out just now: more than its limit after it was lowered. */
interface Watched {
  readonly semaphore: BoundedSemaphore
  most: number
}

/** How long a permit is on its way from a limiter far away, in ms. */
const DISTANCE = 5

/** Looks at a semaphore each time somebody asks it for a permit. Can be given a new one at any time. */
export class WatchedLimiter implements Limiter {
  /** Checks of the owner's, at each look. */
  onLook: () => void = () => {}
  /** Permits on their way to those who asked. */
  granting = 0
  readonly name: string
  readonly #make: MakeSemaphore
  readonly #findings: Findings
  readonly #dawdles: boolean
  #current: Watched
  /** Closed, with permits still out. */
  #former: Watched[] = []

  /** @param dawdles hands its permits over late, and also to those who have left meanwhile: as one far away may */
  constructor(
    name: string,
    permits: number,
    make: MakeSemaphore,
    findings: Findings,
    dawdles: boolean = false,
  ) {
    this.#dawdles = dawdles
    this.name = name
    this.#make = make
    this.#findings = findings
    this.#current = { semaphore: make(permits), most: permits }
  }

  get semaphore(): BoundedSemaphore {
    return this.#current.semaphore
  }

  get limit(): number {
    return this.semaphore.limit
  }

  get timeout(): number | undefined {
    return this.semaphore.timeout
  }

  get full(): boolean {
    return this.semaphore.full
  }

  /** Permits out, also of semaphores that were closed. */
  get inUse(): number {
    return this.#all.reduce((sum, { semaphore }) => sum + semaphore.inUse, 0)
  }

  get waiting(): number {
    return this.semaphore.waiting
  }

  tryAcquire(request?: AcquireRequest): Permit | undefined {
    this.look()
    const permit = this.semaphore.tryAcquire(request)
    this.look()
    return permit
  }

  acquire(request?: AcquireRequest): Promise<Permit> {
    this.look()
    const promise = this.semaphore.acquire(request)
    const settled = (): void => {
      this.look()
      const { signal } = request ?? {}
      if (signal && getEventListeners(signal, 'abort').length > 0) {
        this.#findings.add(`${this.name}: a listener was left on the signal of a request that waited`)
      }
    }
    promise.then(settled, settled)
    return this.#dawdles ? this.#late(promise) : promise
  }

  async #late(promise: Promise<Permit>): Promise<Permit> {
    const permit = await promise
    this.granting++
    await setTimeout(DISTANCE)
    this.granting--
    return permit
  }

  resize(limit: number): void {
    this.semaphore.resize(limit)
    this.look()
  }

  /** Closes the semaphore and puts a new one in its place. */
  replace(permits: number): void {
    const former = this.#current
    this.#former.push(former)
    this.#current = { semaphore: this.#make(permits), most: permits }
    former.semaphore.close('replaced')
    if (former.semaphore.waiting > 0) this.#findings.add(`${this.name}: somebody waits at a closed limiter`)
    this.look()
  }

  async drain(): Promise<void> {
    await Promise.all(this.#all.map(({ semaphore }) => semaphore.drain()))
    this.#former = []
  }

  look(): void {
    for (const watched of this.#all) {
      const { inUse, waiting, limit } = watched.semaphore
      if (inUse < 0 || inUse > Math.max(watched.most, limit)) {
        this.#findings.add(`${this.name}: ${inUse} in use of ${limit}, and at most ${watched.most} before`)
      }
      if (waiting > 0 && inUse === 0 && limit > 0) {
        this.#findings.add(`${this.name}: ${waiting} wait though nothing is in use of ${limit}`)
      }
      watched.most = Math.max(limit, inUse)
    }
    this.onLook()
  }

  toString(): string {
    return `${this.name}: ${this.inUse} in use of ${this.limit}, ${this.waiting} waiting`
  }

  get #all(): Watched[] {
    return [this.#current, ...this.#former]
  }
}
