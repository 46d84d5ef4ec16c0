import { getEventListeners } from 'node:events'
import { setImmediate } from 'node:timers/promises'
import { inspect } from 'node:util'
import {
  type AcquireRequest,
  BoundedSemaphore,
  fifo,
  lifo,
  type Permit,
  RejectedError,
} from '@lineclear/core'
import * as disciplines from './disciplines.ts'
import { VirtualClock } from './helpers.ts'
import { Model } from './model.ts'
import { microtasks, type SteppedPromise, step, withSteppedPromises } from './stepped-promise.ts'

/** A semaphore whose permits are all in use, and what is done to it. */
export interface Scenario {
  queue: 'fifo' | 'lifo'
  /** How many may wait. */
  room: number
  /** What each of those inside holds; together they are the limit. */
  inside: number[]
  /** The acquires and changes there may be, as often as they are named. Releases and aborts come by themselves. */
  cast: Deed[]
  /** How many deeds are done in one schedule. */
  length: number
}

/** One deed, named as it is written in a schedule. */
type Deed = keyof typeof requests | 'time' | 'close' | `resize:${number}`

interface Asked extends Omit<AcquireRequest, 'signal'> {
  /** `own` or that of the first who had one. */
  signal?: 'own' | 'first'
}

const TICK = 10

const requests = {
  plain: {},
  heavy: { weight: 2 },
  signal: { signal: 'own' },
  shared: { signal: 'first' },
  timed: { timeout: TICK },
  patient: { timeout: 1.5 * TICK },
  all: { weight: 2, timeout: 2 * TICK, signal: 'own' },
} satisfies Record<string, Asked>

/**
 * Runs every schedule of a scenario: all orders of its deeds, and at each point where a microtask is
 * to come, both that microtask and whatever else may be done before it. What is left over then ends
 * in one way only: microtasks run, permits are released, and nothing may remain. Returns how many
 * schedules there were; throws with the first that went wrong.
 *
 * Two kinds of schedules are left out, as others stand for them. Of several permits of one weight the
 * oldest is released. And the microtask in which a caller learns its outcome is not waited with: it
 * runs no code of the semaphore, so its place among the deeds changes nothing but how early the
 * permit can be released.
 */
export async function explore(scenario: Scenario): Promise<number> {
  const search = new Search(scenario)
  // In slices, for whoever watches over the tests to see that they are alive.
  while (!withSteppedPromises(() => search.run(20_000))) await setImmediate()
  return search.count
}

/** Runs one schedule, as printed by {@link explore}. */
export function replay(scenario: Scenario, schedule: string): void {
  withSteppedPromises(() => {
    const run = new Run(scenario)
    for (const choice of schedule.split(' ')) run.take(choice)
    run.end()
  })
}

/** Depth first; each schedule begins anew, since a semaphore cannot be copied. */
class Search {
  count = 0
  readonly #scenario: Scenario
  readonly #path: { choices: string[]; taken: number }[] = []

  constructor(scenario: Scenario) {
    this.#scenario = scenario
  }

  /** Runs so many schedules more. Returns whether that were all. */
  run(schedules: number): boolean {
    for (let i = 0; i < schedules; i++) {
      this.#runNext()
      this.count++
      if (!this.#turn()) return true
    }
    return false
  }

  #runNext(): void {
    const run = new Run(this.#scenario)
    try {
      for (let depth = 0; ; depth++) {
        const known = this.#path[depth]
        const { choices, taken } = known ?? { choices: run.choices(), taken: 0 }
        if (known === undefined) this.#path.push({ choices, taken })
        const choice = choices[taken]
        if (choice === undefined) break
        // What an earlier schedule began with was looked at then.
        run.take(choice, depth >= this.#path.length - 1)
      }
      run.end()
    } catch (error) {
      const scenario = inspect(this.#scenario, { breakLength: Infinity, compact: true })
      const { message } = error as Error
      throw new Error(`${message}; to see it again: replay(${scenario}, '${run.taken.join(' ')}')`, {
        cause: error,
      })
    }
  }

  /** To the next schedule; false when there is none. */
  #turn(): boolean {
    for (let last = this.#path.at(-1); last !== undefined; last = this.#path.at(-1)) {
      last.taken++
      if (last.taken < last.choices.length) return true
      this.#path.pop()
    }
    return false
  }
}

/** One schedule, done to a semaphore and to the model. */
class Run {
  readonly taken: string[] = []
  readonly #left: Deed[]
  readonly #model: Model
  readonly #semaphore: BoundedSemaphore
  readonly #clock = new VirtualClock()
  readonly #told: [caller: number, how: string][] = []
  readonly #held: { id: number; weight: number; permit: Permit }[] = []
  readonly #spent: Permit[] = []
  readonly #controllers: AbortController[] = []
  readonly #fifo: boolean
  #deeds: number
  #callers = 0
  #inUse = 0
  /** The last to have got a permit. */
  #newest = 0

  constructor({ queue, room, inside, cast, length }: Scenario) {
    const limit = inside.reduce((sum, weight) => sum + weight)
    const line = queue === 'lifo' ? lifo(room) : fifo(room)
    this.#semaphore = new BoundedSemaphore(limit, { queue: line, clock: this.#clock })
    this.#model = new Model(limit, queue === 'lifo' ? disciplines.lifo() : disciplines.fifo(), room)
    this.#fifo = queue === 'fifo'
    this.#left = [...cast]
    this.#deeds = length
    for (const weight of inside) this.#acquire({ weight })
    this.#look()
  }

  /** What may come next; nothing at the end. What would change nothing is left out. */
  choices(): string[] {
    if (this.#deeds === 0) return []
    const choices: string[] = microtasks.length > 0 ? ['microtask'] : []
    this.#left.forEach((deed, i) => {
      if (this.#left.indexOf(deed) < i) return
      if (deed === 'shared' && this.#controllers.length === 0) return
      if (deed === 'time' && this.#model.timers === 0) return
      if (deed === `resize:${this.#model.limit}`) return
      choices.push(deed)
    })
    this.#held.forEach(({ id, weight }, i) => {
      if (this.#held.findIndex((other) => other.weight === weight) === i) choices.push(`release:${id}`)
    })
    this.#controllers.forEach(({ signal }, i) => {
      const matters = this.#model.listens(i) || (i === 0 && this.#left.includes('shared'))
      if (matters && !signal.aborted) choices.push(`abort:${i}`)
    })
    return choices
  }

  take(choice: string, look = true): void {
    this.taken.push(choice)
    if (choice === 'microtask') {
      this.#step()
    } else {
      this.#deeds--
      this.#do(choice)
    }
    if (look) this.#look()
    else this.#learnAll()
  }

  /** Everybody who waits goes in, one after the other, and comes out. */
  end(): void {
    if (this.#semaphore.limit < 2) this.#do('resize:2')
    let drained = false
    stepped(this.#semaphore.drain()).watch(() => {
      drained = true
    })
    for (this.#finishTurn(); this.#held.length > 0; this.#finishTurn()) {
      same('drained', drained, false)
      this.#release(0)
    }
    same('drained', drained, true)
    for (const permit of this.#spent) permit.release()
    same('callers told', this.#told.length, this.#callers)
    same('in use', this.#semaphore.inUse, 0)
    same('waiting', this.#semaphore.waiting, 0)
    same('timers', this.#clock.timers, 0)
    for (const { signal } of this.#controllers) same('listeners', listeners(signal), 0)
  }

  #finishTurn(): void {
    this.#look()
    for (; microtasks.length > 0; this.#look()) this.#step()
  }

  #step(): void {
    step()
    this.#model.tell()
  }

  #do(deed: string): void {
    const place = this.#left.indexOf(deed as Deed)
    if (place >= 0) this.#left.splice(place, 1)
    const [name = '', argument] = deed.split(':')
    const number = Number(argument)
    if (name === 'time') {
      this.#clock.advance(TICK)
      this.#model.advance(TICK)
    } else if (name === 'close') {
      this.#semaphore.close()
      this.#model.close()
    } else if (name === 'resize') {
      this.#semaphore.resize(number)
      this.#model.resize(number)
    } else if (name === 'release') {
      this.#release(this.#held.findIndex(({ id }) => id === number))
    } else if (name === 'abort') {
      this.#controllers[number]?.abort(number)
      this.#model.abort(number)
    } else {
      this.#acquire(requests[name as keyof typeof requests])
    }
  }

  #acquire(asked: Asked): void {
    const { weight = 1, timeout = Infinity, signal: whose } = asked
    const id = this.#callers++
    if (whose === 'own') this.#controllers.push(new AbortController())
    const source = whose === undefined ? undefined : whose === 'first' ? 0 : this.#controllers.length - 1
    const signal = source === undefined ? undefined : this.#controllers[source]?.signal
    this.#model.acquire(id, weight, timeout, source, signal?.aborted ?? false)
    const request = asked === requests.plain ? undefined : { weight, timeout, signal }
    stepped(this.#semaphore.acquire(request)).watch(
      (permit) => {
        this.#told.push([id, 'permit'])
        this.#held.push({ id, weight, permit: permit as Permit })
      },
      (error) => this.#told.push([id, nameOf(error, source)]),
    )
  }

  /** Twice: the second time does nothing. */
  #release(place: number): void {
    const [released] = this.#held.splice(place, 1)
    if (released === undefined) throw new Error('nothing to release')
    this.#model.release(released.id)
    released.permit.release()
    released.permit.release()
    this.#spent.push(released.permit)
  }

  /** Compares, after those whose turn it is learned their outcome. */
  #look(): void {
    const before = this.#inUse
    this.#learnAll()
    const [semaphore, model] = [this.#semaphore, this.#model]
    const { inUse, limit, waiting, value, locked } = semaphore
    same('in use', inUse, model.inUse)
    same('limit', limit, model.limit)
    same('waiting', waiting, model.waiting)
    same('value', value, model.value)
    same('locked', locked, model.locked)
    same('timers', this.#clock.timers, model.timers)
    this.#controllers.forEach(({ signal }, i) => {
      same(`listeners of ${i}`, listeners(signal), model.listens(i) ? 1 : 0)
    })
    if (locked) same('a try', semaphore.tryAcquire(), undefined)
    if (inUse > limit && inUse > before) throw new Error(`${inUse} in use of ${limit}`)
    if (microtasks.length > 0) return
    same('told', this.#told.length, model.settled.length)
    same(
      'held',
      this.#held.reduce((sum, { weight }) => sum + weight, 0),
      inUse,
    )
  }

  #learnAll(): void {
    while (microtasks[0]?.watches) this.#learn()
    this.#inUse = this.#semaphore.inUse
  }

  #learn(): void {
    step()
    const place = this.#told.length - 1
    const [told, expected] = [this.#told[place], this.#model.settled[place]]
    same('told', told?.join(' '), expected?.join(' '))
    if (told?.[1] !== 'permit') return
    if (this.#fifo && told[0] < this.#newest) throw new Error(`${told[0]} came after ${this.#newest}`)
    this.#newest = told[0]
  }
}

function stepped(promise: Promise<unknown>): SteppedPromise {
  return promise as unknown as SteppedPromise
}

function listeners(signal: AbortSignal): number {
  return getEventListeners(signal, 'abort').length
}

function same(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${what}: ${actual}, not ${expected}`)
}

/** What the model calls it. */
function nameOf(error: unknown, signal: number | undefined): string {
  if (error instanceof RejectedError) return error.reason
  if (error instanceof RangeError) return 'too heavy'
  return error === signal ? 'aborted' : String(error)
}
