import { all, BoundedSemaphore, type Limiter } from '@lineclear/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as driver from './driver.ts'

interface Asking extends driver.Asking {
  every: number
  weight: number
}

interface Resize {
  which: number
  limit: number
}

const steps = driver.stepsOf<Asking, Resize>(
  fc.record({ ...driver.asking, every: fc.nat(9), weight: fc.constantFrom(0, 1, 1, 1, 2) }),
  fc.record({ which: fc.nat(9), limit: fc.integer({ min: 2, max: 3 }) }),
)

/** Which limiters each `all` names, in which order. */
const names = fc.array(fc.shuffledSubarray([0, 1, 2, 3], { minLength: 1 }), {
  minLength: 2,
  maxLength: 6,
  size: 'max',
})

interface Every {
  limiter: Limiter & { waiting: number }
  limiters: BoundedSemaphore[]
}

/** One who holds permits of all of its limiters, or has yet to. */
interface User extends driver.User {
  every: Every
  weight: number
  /** When its time is up. */
  end: number
}

class Driver extends driver.Driver<Asking, User, Resize> {
  readonly #semaphores = [2, 2, 3, 2].map((limit) => new BoundedSemaphore(limit, { clock: this.clock }))
  readonly #every: Every[]
  #before: number[] = []

  constructor(names: number[][]) {
    super()
    this.#every = names.map((indices) => {
      const limiters = indices.map((index) => this.#semaphores[index] as BoundedSemaphore)
      return { limiters, limiter: all(...limiters) }
    })
  }

  /** Whoever gets its permits gives them back: all come to their turn. */
  protected async end(): Promise<void> {
    await this.flush()
    while (this.users.size > 0) {
      for (const user of [...this.users]) this.release(user)
      await this.flush()
    }
    const left = this.#semaphores.map(({ inUse, waiting }) => inUse + waiting)
    expect([...left, this.clock.timers]).toEqual([0, 0, 0, 0, 0])
  }

  protected override before(): void {
    this.#before = this.#inUse()
  }

  protected check(): void {
    for (const [index, semaphore] of this.#semaphores.entries()) {
      const { inUse, limit } = semaphore
      expect(inUse).toBeLessThanOrEqual(Math.max(limit, this.#before[index] ?? 0))
      let [held, most] = [0, 0]
      for (const { every, weight, holds } of this.users) {
        if (!every.limiters.includes(semaphore)) continue
        most += weight
        if (holds) held += weight
      }
      // Between those who hold all, and those who may hold some.
      expect(inUse).toBeGreaterThanOrEqual(held)
      expect(inUse).toBeLessThanOrEqual(most)
    }
  }

  protected checkFlushed(): void {
    const users = [...this.users]
    const waiting = users.filter(({ holds }) => !holds)
    // Somebody holds what they wait for, rather than they each other.
    if (waiting.length > 0) expect(waiting.length).toBeLessThan(users.length)
    // Each waits at one limiter, and not beyond its time.
    expect(this.#semaphores.reduce((sum, { waiting }) => sum + waiting, 0)).toBe(waiting.length)
    for (const every of this.#every) {
      expect(every.limiter.waiting).toBe(waiting.filter((user) => user.every === every).length)
    }
    for (const { end } of waiting) expect(end).toBeGreaterThan(this.clock.now())
  }

  protected override other({ which, limit }: Resize): void {
    this.#semaphores[which % this.#semaphores.length]?.resize(limit)
  }

  protected ask(
    act: 'acquire' | 'tryAcquire',
    { every: index, weight, timeout }: Asking,
    signal: AbortSignal | undefined,
  ): void {
    const every = this.#every[index % this.#every.length] as Every
    const { limiter, limiters } = every
    const request = { weight, timeout, signal }
    const end = this.clock.now() + timeout
    const user: User = { every, weight, end, holds: false, permit: undefined }
    const before = this.#inUse()
    const allFree = limiters.every((semaphore) => !semaphore.locked && semaphore.value >= weight)
    if (act === 'tryAcquire') {
      user.permit = limiter.tryAcquire(request)
      user.holds = user.permit !== undefined
      expect(user.holds).toBe(allFree)
      if (user.holds) this.users.add(user)
      else expect(this.#inUse()).toEqual(before)
      return
    }
    user.holds = allFree
    this.users.add(user)
    limiter.acquire(request).then(
      (permit) => {
        user.holds = true
        user.permit = permit
      },
      () => {
        expect(user.holds).toBe(false)
        this.users.delete(user)
      },
    )
  }

  #inUse(): number[] {
    return this.#semaphores.map(({ inUse }) => inUse)
  }
}

test('all takes all or none, never too many, and nobody waits for ever, whatever happens', async () => {
  const property = fc.asyncProperty(names, steps, (names, steps) => new Driver(names).play(steps))
  await fc.assert(property, { numRuns: 300 })
})
