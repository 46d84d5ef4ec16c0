import { BoundedSemaphore, type Keyed, keyed } from '@lineclear/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as driver from './driver.ts'
import { Asked, flush } from './helpers.ts'

const KEYS = ['a', 'b', '__proto__', '', undefined]
const LIMIT = 2
const MAX_KEYS = 3

interface Asking extends driver.Asking {
  key: string | undefined
}

const key = fc.oneof(fc.constantFrom(...KEYS), fc.constantFrom('c', 'd', 'e'))
const steps = driver.stepsOf<Asking>(fc.record({ ...driver.asking, key }))

/** One who holds a permit or may yet get one. */
interface User extends driver.User {
  /** Whose limiter it is or will be of. */
  member: string | undefined
}

class Driver extends driver.Driver<Asking, User> {
  readonly #limiter: Keyed<BoundedSemaphore>
  readonly #shares: boolean
  readonly #refusals: unknown[] = []
  /** Made and, for all we know, in use. */
  readonly #made = new Set<string | undefined>()

  constructor(onMaxKeys: 'refuse' | 'share') {
    super()
    this.#shares = onMaxKeys === 'share'
    const make = (key: string | undefined): BoundedSemaphore => {
      // A key that has a limiter needs no other.
      expect(this.#made.has(key)).toBe(false)
      this.#made.add(key)
      return new BoundedSemaphore(LIMIT, { queue: 3, clock: this.clock })
    }
    this.#limiter = keyed(make, { maxKeys: MAX_KEYS, onMaxKeys })
  }

  protected async end(): Promise<void> {
    this.abortAll()
    this.#limiter.close()
    const drained = this.#limiter.drain()
    await flush()
    for (const user of this.users) this.release(user)
    await drained
    for (const refusal of this.#refusals) expect(refusal).toBe('full')
    const { keys, inUse, waiting } = this.#limiter
    expect([keys, inUse, waiting, this.clock.timers]).toEqual([0, 0, 0, 0])
  }

  protected check(): void {
    const users = [...this.users]
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

  protected checkFlushed(): void {
    // Nobody waits where a permit is free.
    for (const { member, holds } of this.users) {
      if (!holds) expect(this.#limiter.get(member)?.inUse).toBe(LIMIT)
    }
  }

  protected ask(
    act: 'acquire' | 'tryAcquire',
    { key, timeout }: Asking,
    signal: AbortSignal | undefined,
  ): void {
    const request = { key, timeout, signal }
    const isNew = key !== undefined && this.#limiter.get(key) === undefined
    const overflows = isNew && this.#limiter.keys === MAX_KEYS
    const user: User = { member: overflows ? undefined : key, holds: false, permit: undefined }
    const refused = overflows && !this.#shares
    const before = this.#limiter.inUse
    if (act === 'tryAcquire') {
      user.permit = this.#limiter.tryAcquire(request)
      user.holds = user.permit !== undefined
      if (user.holds) this.users.add(user)
      if (refused) expect(user.holds).toBe(false)
      return
    }
    const promise = this.#limiter.acquire(request)
    if (refused) {
      void new Asked(promise).settled.then((outcome) => this.#refusals.push(outcome))
      return
    }
    this.users.add(user)
    // A permit that was free is counted at once; we are told of it later.
    user.holds = this.#limiter.inUse > before
    promise.then(
      (permit) => {
        user.holds = true
        user.permit = permit
      },
      () => this.users.delete(user),
    )
  }
}

test.each(['refuse', 'share'] as const)(
  'keyed counts what each key has, and keeps no other, whatever happens; a further key: %s',
  async (onMaxKeys) => {
    const property = fc.asyncProperty(steps, (steps) => new Driver(onMaxKeys).play(steps))
    await fc.assert(property, { numRuns: 200 })
  },
)
