import {
  BoundedSemaphore,
  byPriority,
  type Clock,
  fair,
  fifo,
  lifo,
  type Permit,
  partitioned,
  type Queue,
  RejectedError,
} from '@lineclear/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import * as disciplines from './disciplines.ts'
import { flush, thrownBy, VirtualClock } from './helpers.ts'
import { type Discipline, Model } from './model.ts'

// Time passes in steps of 7 ms and no two time-outs leave the same remainder, so that no two waiters
// with different time-outs ever expire at the same instant, where either order would do.
const TIMEOUTS = [0, 8, 16, 31, Infinity]
const SIGNALS = [0, 1, 2]

const weight = fc.nat(3)
const signal = fc.option(fc.constantFrom(...SIGNALS), { nil: undefined })
const timeout = fc.constantFrom(...TIMEOUTS)

interface Kind {
  name: string
  runs: number
  make: (limit: number, room: number, clock: Clock) => BoundedSemaphore
  discipline: (limit: number) => Discipline
}

const SHARES: Record<string, number> = { a: 1, b: 2, c: 5 }
const share = (key: string | undefined): number => SHARES[key ?? ''] ?? 1
/** As many of the shares as there are permits for. */
const sharesOf = (limit: number): Record<string, number> => ({
  a: Math.min(limit, 1),
  b: Math.min(Math.max(limit - 1, 0), 1),
})

const KINDS: Kind[] = [
  kind('fifo', (limit) => fifo(limit), disciplines.fifo, 1000),
  kind('lifo', (limit) => lifo(limit), disciplines.lifo, 1000),
  kind(
    'byPriority',
    (limit) => byPriority({ limit }),
    () => disciplines.byPriority(Infinity, 0),
  ),
  kind(
    'byPriority with a floor',
    (limit) => byPriority({ limit, floor: 1 }),
    () => disciplines.byPriority(Infinity, 1),
  ),
  kind(
    'byPriority with aging',
    (limit) => byPriority({ limit, aging: 10, floor: 1 }),
    () => disciplines.byPriority(10, 1),
  ),
  kind(
    'byPriority with aging 0',
    (limit) => byPriority({ limit, aging: 0 }),
    () => disciplines.byPriority(0, 0),
  ),
  kind(
    'fair',
    (limit) => fair({ limit, share }),
    () => disciplines.fair(share),
  ),
  {
    name: 'partitioned',
    runs: 500,
    make: (limit, queue, clock) => partitioned({ limit, shares: sharesOf(limit), queue, clock }),
    discipline: (limit) => disciplines.partitioned(sharesOf(limit)),
  },
]

function kind(name: string, queue: (room: number) => Queue, discipline: () => Discipline, runs = 500): Kind {
  const make = (limit: number, room: number, clock: Clock): BoundedSemaphore =>
    new BoundedSemaphore(limit, { queue: queue(room), clock })
  return { name, runs, make, discipline }
}

interface Asks {
  weight: number
  signal: number | undefined
  priority: number
  key: string | undefined
}

type Step =
  | (Asks & { act: 'acquire'; timeout: number })
  | (Asks & { act: 'tryAcquire' })
  | { act: 'release' | 'releaseAgain'; which: number }
  | { act: 'abort'; signal: number; renew: boolean }
  | { act: 'advance'; ms: number }
  | { act: 'resize'; limit: number }
  | { act: 'close' | 'drain' | 'flush' }

const asks = {
  weight,
  signal,
  priority: fc.constantFrom(0, -0, 1, 2, 0.5, Infinity, -Infinity),
  key: fc.constantFrom(undefined, 'a', 'b', 'c'),
}

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ act: fc.constant('acquire'), ...asks, timeout }) },
  { weight: 3, arbitrary: fc.record({ act: fc.constant('tryAcquire'), ...asks }) },
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
    this.#model = new Model(limit, kind.discipline(limit), room)
    this.#semaphore = kind.make(limit, room, this.#clock)
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
    if (this.#kind.name === 'fifo') expect(entered).toEqual(entered.toSorted((a, b) => a - b))
  }

  #act(step: Exclude<Step, { act: 'flush' }>): void {
    switch (step.act) {
      case 'acquire':
        this.#acquire(step, step.timeout)
        break
      case 'tryAcquire':
        this.#tryAcquire(step)
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

  #acquire({ weight, signal: index, priority, key }: Asks, timeout: number): void {
    const id = this.#nextId++
    const source = index === undefined ? undefined : this.#signals[index]
    const signal = source?.controller.signal
    this.#acquires++
    this.#semaphore.acquire({ weight, timeout, signal, priority, key }).then(
      (permit) => {
        this.#settled.push([id, 'permit'])
        this.#held.push({ id, permit })
      },
      (error) => this.#settled.push([id, nameOf(error, signal)]),
    )
    const aborted = signal?.aborted ?? false
    this.#model.acquire(id, weight, timeout, source?.id, aborted, { priority, key })
  }

  #tryAcquire({ weight, signal: index, priority, key }: Asks): void {
    const id = this.#nextId++
    const signal = index === undefined ? undefined : this.#signals[index]?.controller.signal
    const expected = this.#model.tryAcquire(id, weight, signal?.aborted ?? false, { priority, key })
    const attempt = (): Permit | undefined => this.#semaphore.tryAcquire({ weight, signal, priority, key })
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

/** They come and go, and nothing else: so many come that a line stands. */
const coming: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 9,
    arbitrary: fc.record({ act: fc.constant('acquire'), ...asks, timeout: fc.constant(Infinity) }),
  },
  { weight: 6, arbitrary: fc.record({ act: fc.constant('release'), which: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('abort'),
      signal: fc.constantFrom(...SIGNALS),
      renew: fc.constant(true),
    }),
  },
  { weight: 2, arbitrary: fc.record({ act: fc.constant('advance'), ms: fc.nat(4).map((n) => 7 * n) }) },
)

test.each(KINDS)('a BoundedSemaphore with $name does what the model does, whatever happens', async (kind) => {
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
  await fc.assert(property, { numRuns: kind.runs })
})

test.each(KINDS)('and so does one with $name and a long line', async (kind) => {
  const room = fc.constantFrom(5, 8, 12, Infinity)
  const steps = fc.array(coming, { size: 'max', maxLength: 150 })
  const property = fc.asyncProperty(fc.nat({ max: 2 }), room, steps, async (more, room, steps) => {
    const race = new Race(kind, 1 + more, room)
    for (const step of steps) {
      race.take(step)
      await race.take({ act: 'flush' })
    }
    await race.end()
  })
  await fc.assert(property, { numRuns: 100 })
})
