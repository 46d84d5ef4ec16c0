import { BoundedSemaphore, fifo, lifo, type Permit, RejectedError } from '@lineclear/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flush, thrownBy, VirtualClock } from './helpers.ts'
import { Model } from './model.ts'

// Time passes in steps of 7 ms and no two time-outs leave the same remainder, so that no two waiters
// with different time-outs ever expire at the same instant, where either order would do.
const TIMEOUTS = [0, 8, 16, 31, Infinity]
const SIGNALS = [0, 1, 2]

const weight = fc.nat(3)
const signal = fc.option(fc.constantFrom(...SIGNALS), { nil: undefined })
const timeout = fc.constantFrom(...TIMEOUTS)

type Kind = 'fifo' | 'lifo'

type Step =
  | { act: 'acquire'; weight: number; signal: number | undefined; timeout: number }
  | { act: 'tryAcquire'; weight: number; signal: number | undefined }
  | { act: 'release' | 'releaseAgain'; which: number }
  | { act: 'abort'; signal: number; renew: boolean }
  | { act: 'advance'; ms: number }
  | { act: 'resize'; limit: number }
  | { act: 'close' | 'drain' | 'flush' }

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ act: fc.constant('acquire'), weight, signal, timeout }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('tryAcquire'), weight, signal }) },
  { weight: 8, arbitrary: fc.record({ act: fc.constant('release'), which: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constant('releaseAgain'), which: fc.nat(9) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      act: fc.constant('abort'),
      signal: fc.constantFrom(...SIGNALS),
      renew: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('advance'), ms: fc.nat(4).map((n) => 7 * n) }) },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('resize'), limit: fc.nat(4) }) },
  { weight: 6, arbitrary: fc.record({ act: fc.constant('flush') }) },
  { weight: 1, arbitrary: fc.record({ act: fc.constantFrom('drain', 'drain', 'close') }) },
)

/** The same steps taken by a BoundedSemaphore, on virtual time, and by the model. */
class Race {
  readonly #model: Model
  readonly #semaphore: BoundedSemaphore
  readonly #clock = new VirtualClock()
  readonly #kind: Kind
  readonly #held: { id: number; permit: Permit }[] = []
  readonly #spent: Permit[] = []
  readonly #settled: [number, string][] = []
  readonly #drained: number[] = []
  readonly #signals = SIGNALS.map((id) => ({ id, controller: new AbortController() }))
  #acquires = 0
  #nextId = 100

  constructor(kind: Kind, limit: number, room: number) {
    this.#kind = kind
    this.#model = new Model(limit, kind === 'lifo', room)
    const queue = kind === 'lifo' ? lifo(room) : fifo(room)
    this.#semaphore = new BoundedSemaphore(limit, { queue, clock: this.#clock })
  }

  /** No microtask runs except in a flush. */
  take(step: Step): Promise<void> | undefined {
    if (step.act === 'flush') return this.#flush()
    const before = this.#semaphore.inUse
    this.#act(step)
    this.#compareStates()
    expect(this.#semaphore.inUse).toBeLessThanOrEqual(Math.max(this.#semaphore.limit, before))
    return undefined
  }

  /** Everybody inside leaves and everybody who waits gives up: nothing may be left behind. */
  async end(): Promise<void> {
    for (const signal of SIGNALS) this.take({ act: 'abort', signal, renew: false })
    this.take({ act: 'close' })
    await this.#flush()
    while (this.#held.length > 0) this.take({ act: 'release', which: 0 })
    await this.#flush()
    expect(this.#settled.length).toBe(this.#acquires)
    expect(this.#semaphore.inUse).toBe(0)
    expect(this.#semaphore.waiting).toBe(0)
    expect(this.#semaphore.value).toBe(this.#semaphore.limit)
    expect(this.#clock.timers).toBe(0)
  }

  #compareStates(): void {
    const { inUse, limit, waiting, value, locked } = this.#semaphore
    const model = this.#model
    expect(`inUse ${inUse} limit ${limit} waiting ${waiting} value ${value} locked ${locked}`).toBe(
      `inUse ${model.inUse} limit ${model.limit} waiting ${model.waiting} value ${model.value} locked ${model.locked}`,
    )
  }

  async #flush(): Promise<void> {
    await flush()
    this.#model.flush()
    this.#compareStates()
    expect(this.#settled).toEqual(this.#model.settled)
    expect(this.#drained).toEqual(this.#model.drained)
    // Nobody overtakes: whoever entered came after all who entered before.
    const entered = this.#settled.filter(([, how]) => how === 'permit').map(([id]) => id)
    if (this.#kind === 'fifo') expect(entered).toEqual(entered.toSorted((a, b) => a - b))
  }

  #act(step: Exclude<Step, { act: 'flush' }>): void {
    switch (step.act) {
      case 'acquire':
        this.#acquire(step.weight, step.timeout, step.signal)
        break
      case 'tryAcquire':
        this.#tryAcquire(step.weight, step.signal)
        break
      case 'release':
        this.#release(step.which)
        break
      case 'releaseAgain':
        this.#spent[step.which % this.#spent.length]?.release()
        break
      case 'abort':
        this.#abort(step.signal, step.renew)
        break
      case 'advance':
        this.#clock.advance(step.ms)
        this.#model.advance(step.ms)
        break
      case 'resize':
        this.#semaphore.resize(step.limit)
        this.#model.resize(step.limit)
        break
      case 'close':
        this.#semaphore.close()
        this.#model.close()
        break
      case 'drain':
        this.#drain(this.#nextId++)
        break
    }
  }

  #acquire(weight: number, timeout: number, index: number | undefined): void {
    const id = this.#nextId++
    const source = index === undefined ? undefined : this.#signals[index]
    const signal = source?.controller.signal
    this.#acquires++
    this.#semaphore.acquire({ weight, timeout, signal }).then(
      (permit) => {
        this.#settled.push([id, 'permit'])
        this.#held.push({ id, permit })
      },
      (error) => this.#settled.push([id, nameOf(error, signal)]),
    )
    this.#model.acquire(id, weight, timeout, source?.id, signal?.aborted ?? false)
  }

  #tryAcquire(weight: number, index: number | undefined): void {
    const id = this.#nextId++
    const signal = index === undefined ? undefined : this.#signals[index]?.controller.signal
    const expected = this.#model.tryAcquire(id, weight, signal?.aborted ?? false)
    const attempt = (): Permit | undefined => this.#semaphore.tryAcquire({ weight, signal })
    if (expected === 'too heavy') {
      expect(nameOf(thrownBy(attempt), signal)).toBe('too heavy')
      return
    }
    const permit = attempt()
    expect(permit !== undefined).toBe(expected)
    if (permit !== undefined) this.#held.push({ id, permit })
  }

  #release(which: number): void {
    const [released] = this.#held.splice(which % this.#held.length, 1)
    if (released === undefined) return
    released.permit.release()
    this.#spent.push(released.permit)
    this.#model.release(released.id)
  }

  #abort(index: number, renew: boolean): void {
    const source = this.#signals[index]
    if (source === undefined) return
    source.controller.abort({ any: 'reason' })
    this.#model.abort(source.id)
    if (renew) this.#signals[index] = { id: this.#nextId++, controller: new AbortController() }
  }

  #drain(id: number): void {
    void this.#semaphore.drain().then(() => this.#drained.push(id))
    this.#model.drain(id)
  }
}

/** What the model calls it. */
function nameOf(error: unknown, signal: AbortSignal | undefined): string {
  if (error instanceof RejectedError) return error.reason
  if (error instanceof RangeError) return 'too heavy'
  return signal?.aborted && error === signal.reason ? 'aborted' : String(error)
}

const kinds: Kind[] = ['fifo', 'lifo']
test.each(kinds)('a BoundedSemaphore with %s does what the model does, whatever happens', async (kind) => {
  const room = fc.constantFrom(0, 1, 2, 4, Infinity)
  const steps = fc.array(step, { size: 'max', maxLength: 60 })
  const property = fc.asyncProperty(fc.nat(3), room, steps, async (limit, room, steps) => {
    const race = new Race(kind, limit, room)
    for (const step of steps) {
      const flushed = race.take(step)
      if (flushed !== undefined) await flushed
    }
    await race.end()
  })
  await fc.assert(property, { numRuns: 1000 })
})
