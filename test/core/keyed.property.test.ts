import { BoundedSemaphore, type Keyed, keyed, type Permit } from '@lineclear/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Asked, flush, VirtualClock } from './helpers.ts'

const KEYS = ['a', 'b', '__proto__', '', undefined]
const SIGNALS = [0, 1, 2]
const LIMIT = 2
const MAX_KEYS = 3

interface Asking {
  act: 'acquire' | 'tryAcquire'
  key: string | undefined
  timeout: number
  signal: number
}

type Step =
  | Asking
  | { act: 'release' | 'releaseAgain'; which: number }
  | { act: 'abort'; signal: number }
  | { act: 'advance'; ms: number }
  | { act: 'flush' }

const asking = {
  key: fc.oneof(fc.constantFrom(...KEYS), fc.constantFrom('c', 'd', 'e')),
  timeout: fc.constantFrom(0, 8, 16, Infinity),
  // Every second one has none.
  signal: fc.nat(5),
}
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ act: fc.constant('acquire'), ...asking }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('tryAcquire'), ...asking }) },
  { weight: 8, arbitrary: fc.record({ act: fc.constant('release'), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('releaseAgain'), which: fc.nat(9) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('abort'), signal: fc.constantFrom(...SIGNALS) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('advance'), ms: fc.nat(10) }) },
  { weight: 6, arbitrary: fc.record({ act: fc.constant('flush') }) },
)

/** One who holds a permit or may yet get one, and whose limiter it is or will be of. */
interface User {
  member: string | undefined
  holds: boolean
  /** What it holds, as soon as we are told. */
  permit: Permit | undefined
}

class Run {
  readonly #clock = new VirtualClock()
  readonly #limiter: Keyed<BoundedSemaphore>
  readonly #shares: boolean
  readonly #users = new Set<User>()
  readonly #refusals: unknown[] = []
  readonly #spent: Permit[] = []
  readonly #controllers = SIGNALS.map(() => new AbortController())
  /** Made and, for all we know, in use. */
  readonly #made = new Set<string | undefined>()

  constructor(onMaxKeys: 'refuse' | 'share') {
    this.#shares = onMaxKeys === 'share'
    const make = (key: string | undefined): BoundedSemaphore => {
      // A key that has a limiter needs no other.
      expect(this.#made.has(key)).toBe(false)
      this.#made.add(key)
      return new BoundedSemaphore(LIMIT, { queue: 3, clock: this.#clock })
    }
    this.#limiter = keyed(make, { maxKeys: MAX_KEYS, onMaxKeys })
  }

  /** No microtask runs except in a flush. */
  take(step: Step): Promise<void> | undefined {
    if (step.act === 'flush') return this.#flush()
    this.#act(step)
    this.#check()
    return undefined
  }

  async #flush(): Promise<void> {
    await flush()
    this.#check()
    // Nobody waits where a permit is free.
    for (const { member, holds } of this.#users) {
      if (!holds) expect(this.#limiter.get(member)?.inUse).toBe(LIMIT)
    }
  }

  async end(): Promise<void> {
    for (const signal of SIGNALS) this.#controllers[signal]?.abort()
    this.#limiter.close()
    const drained = this.#limiter.drain()
    await flush()
    for (const user of this.#users) this.#release(user)
    await drained
    for (const refusal of this.#refusals) expect(refusal).toBe('full')
    const { keys, inUse, waiting } = this.#limiter
    expect([keys, inUse, waiting, this.#clock.timers]).toEqual([0, 0, 0, 0])
  }

  #check(): void {
    const users = [...this.#users]
    const members = new Set(users.map(({ member }) => member).filter((member) => member !== undefined))
    expect(this.#limiter.keys).toBe(members.size)
    expect(this.#limiter.keys).toBeLessThanOrEqual(MAX_KEYS)
    expect(this.#limiter.inUse).toBe(users.filter(({ holds }) => holds).length)
    expect(this.#limiter.waiting).toBe(users.filter(({ holds }) => !holds).length)
    for (const key of [...this.#made, ...KEYS]) {
      const limiter = this.#limiter.get(key)
      expect(limiter !== undefined).toBe(key === undefined || members.has(key))
      expect(limiter?.inUse ?? 0).toBeLessThanOrEqual(LIMIT)
      const held = users.filter(({ member, holds }) => member === key && holds)
      expect(limiter?.inUse ?? 0).toBeGreaterThanOrEqual(held.length)
      if (key !== undefined && limiter === undefined) this.#made.delete(key)
    }
  }

  #act(step: Exclude<Step, { act: 'flush' }>): void {
    switch (step.act) {
      case 'acquire':
      case 'tryAcquire':
        this.#ask(step)
        break
      case 'release': {
        const held = [...this.#users].filter(({ permit }) => permit !== undefined)
        const user = held[step.which % held.length]
        if (user !== undefined) this.#release(user)
        break
      }
      case 'releaseAgain':
        this.#spent[step.which % this.#spent.length]?.release()
        break
      case 'abort':
        this.#controllers[step.signal]?.abort()
        this.#controllers[step.signal] = new AbortController()
        break
      case 'advance':
        this.#clock.advance(step.ms)
        break
    }
  }

  #ask({ act, key, timeout, signal: index }: Asking): void {
    const request = { key, timeout, signal: this.#controllers[index]?.signal }
    const isNew = key !== undefined && this.#limiter.get(key) === undefined
    const overflows = isNew && this.#limiter.keys === MAX_KEYS
    const user: User = { member: overflows ? undefined : key, holds: false, permit: undefined }
    const refused = overflows && !this.#shares
    const before = this.#limiter.inUse
    if (act === 'tryAcquire') {
      user.permit = this.#limiter.tryAcquire(request)
      user.holds = user.permit !== undefined
      if (user.holds) this.#users.add(user)
      if (refused) expect(user.holds).toBe(false)
      return
    }
    const promise = this.#limiter.acquire(request)
    if (refused) {
      void new Asked(promise).settled.then((outcome) => this.#refusals.push(outcome))
      return
    }
    this.#users.add(user)
    // A permit that was free is counted at once; we are told of it later.
    user.holds = this.#limiter.inUse > before
    promise.then(
      (permit) => {
        user.holds = true
        user.permit = permit
      },
      () => this.#users.delete(user),
    )
  }

  #release(user: User): void {
    if (user.permit === undefined) return
    user.permit.release()
    this.#spent.push(user.permit)
    this.#users.delete(user)
  }
}

test.each(['refuse', 'share'] as const)(
  'keyed counts what each key has, and keeps no other, whatever happens; a further key: %s',
  async (onMaxKeys) => {
    const steps = fc.array(step, { size: 'max', maxLength: 60 })
    const property = fc.asyncProperty(steps, async (steps) => {
      const run = new Run(onMaxKeys)
      for (const step of steps) {
        const flushed = run.take(step)
        if (flushed !== undefined) await flushed
      }
      await run.end()
    })
    await fc.assert(property, { numRuns: 200 })
  },
)
