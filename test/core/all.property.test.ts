import { all, BoundedSemaphore, type Limiter, type Permit } from '@lineclear/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flush, VirtualClock } from './helpers.ts'

const SIGNALS = [0, 1, 2]

interface Asking {
  act: 'acquire' | 'tryAcquire'
  every: number
  weight: number
  timeout: number
  signal: number
}

type Step =
  | Asking
  | { act: 'release' | 'releaseAgain'; which: number }
  | { act: 'abort'; signal: number }
  | { act: 'advance'; ms: number }
  | { act: 'resize'; which: number; limit: number }
  | { act: 'flush' }

const asking = {
  every: fc.nat(9),
  weight: fc.constantFrom(0, 1, 1, 1, 2),
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
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('resize'),
      which: fc.nat(9),
      limit: fc.integer({ min: 2, max: 3 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ act: fc.constant('flush') }) },
)

/** Which limiters each `all` names, in which order. */
const names = fc.array(fc.shuffledSubarray([0, 1, 2, 3], { minLength: 1 }), {
  minLength: 2,
  maxLength: 6,
  size: 'max',
})

interface Every {
  limiter: Limiter
  limiters: BoundedSemaphore[]
}

/** One who holds permits of all of its limiters, or has yet to. */
interface User {
  limiters: readonly BoundedSemaphore[]
  weight: number
  /** When its time is up. */
  end: number
  holds: boolean
  permit: Permit | undefined
}

class Run {
  readonly #clock = new VirtualClock()
  readonly #semaphores = [2, 2, 3, 2].map((limit) => new BoundedSemaphore(limit, { clock: this.#clock }))
  readonly #every: Every[]
  readonly #users = new Set<User>()
  readonly #spent: Permit[] = []
  readonly #controllers = SIGNALS.map(() => new AbortController())

  constructor(names: number[][]) {
    this.#every = names.map((indices) => {
      const limiters = indices.map((index) => this.#semaphores[index] as BoundedSemaphore)
      return { limiters, limiter: all(...limiters) }
    })
  }

  /** No microtask runs except in a flush. */
  take(step: Step): Promise<void> | undefined {
    if (step.act === 'flush') return this.#flush()
    const before = this.#semaphores.map(({ inUse }) => inUse)
    this.#act(step)
    this.#check(before)
    return undefined
  }

  /** Whoever gets its permits gives them back: all come to their turn. */
  async end(): Promise<void> {
    await this.#flush()
    while (this.#users.size > 0) {
      for (const user of [...this.#users]) this.#release(user)
      await this.#flush()
    }
    const left = this.#semaphores.map(({ inUse, waiting }) => inUse + waiting)
    expect([...left, this.#clock.timers]).toEqual([0, 0, 0, 0, 0])
  }

  #check(before: number[]): void {
    for (const [index, semaphore] of this.#semaphores.entries()) {
      const { inUse, limit } = semaphore
      expect(inUse).toBeLessThanOrEqual(Math.max(limit, before[index] ?? 0))
      let [held, most] = [0, 0]
      for (const { limiters, weight, holds } of this.#users) {
        if (!limiters.includes(semaphore)) continue
        most += weight
        if (holds) held += weight
      }
      // Between those who hold all, and those who may hold some.
      expect(inUse).toBeGreaterThanOrEqual(held)
      expect(inUse).toBeLessThanOrEqual(most)
    }
  }

  async #flush(): Promise<void> {
    const before = this.#semaphores.map(({ inUse }) => inUse)
    await flush()
    this.#check(before)
    const users = [...this.#users]
    const waiting = users.filter(({ holds }) => !holds)
    // Somebody holds what they wait for, rather than they each other.
    if (waiting.length > 0) expect(waiting.length).toBeLessThan(users.length)
    // Each waits at one limiter, and not beyond its time.
    expect(this.#semaphores.reduce((sum, { waiting }) => sum + waiting, 0)).toBe(waiting.length)
    for (const { end } of waiting) expect(end).toBeGreaterThan(this.#clock.now())
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
      case 'resize':
        this.#semaphores[step.which % this.#semaphores.length]?.resize(step.limit)
        break
    }
  }

  #ask({ act, every, weight, timeout, signal: index }: Asking): void {
    const { limiter, limiters } = this.#every[every % this.#every.length] as Every
    const request = { weight, timeout, signal: this.#controllers[index]?.signal }
    const end = this.#clock.now() + timeout
    const user: User = { limiters, weight, end, holds: false, permit: undefined }
    const before = this.#semaphores.map(({ inUse }) => inUse)
    const allFree = limiters.every((semaphore) => !semaphore.locked && semaphore.value >= weight)
    if (act === 'tryAcquire') {
      user.permit = limiter.tryAcquire(request)
      user.holds = user.permit !== undefined
      expect(user.holds).toBe(allFree)
      if (user.holds) this.#users.add(user)
      else expect(this.#semaphores.map(({ inUse }) => inUse)).toEqual(before)
      return
    }
    user.holds = allFree
    this.#users.add(user)
    limiter.acquire(request).then(
      (permit) => {
        user.holds = true
        user.permit = permit
      },
      () => {
        expect(user.holds).toBe(false)
        this.#users.delete(user)
      },
    )
  }

  #release(user: User): void {
    if (user.permit === undefined) return
    user.permit.release()
    this.#spent.push(user.permit)
    this.#users.delete(user)
  }
}

test('all takes all or none, never too many, and nobody waits for ever, whatever happens', async () => {
  const steps = fc.array(step, { size: 'max', maxLength: 60 })
  const property = fc.asyncProperty(names, steps, async (names, steps) => {
    const run = new Run(names)
    for (const step of steps) {
      const flushed = run.take(step)
      if (flushed !== undefined) await flushed
    }
    await run.end()
  })
  await fc.assert(property, { numRuns: 300 })
})
