import type { Permit } from '@lineclear/core'
import fc from 'fast-check'
import { flush, VirtualClock } from './helpers.ts'

// Drives a limiter through steps at random, for the property tests of limiters made of limiters.

const SIGNALS = [0, 1, 2]

/** What every asking has: a time-out, and a signal by its number, where every second one has none. */
export interface Asking {
  timeout: number
  signal: number
}

export const asking = {
  timeout: fc.constantFrom(0, 8, 16, Infinity),
  signal: fc.nat(5),
}

type Common =
  | { act: 'release' | 'releaseAgain'; which: number }
  | { act: 'abort'; signal: number }
  | { act: 'advance'; ms: number }
  | { act: 'flush' }

export type Step<A extends Asking, Other = never> =
  | { act: 'acquire' | 'tryAcquire'; asking: A }
  | Common
  | { act: 'other'; other: Other }

/** Steps of which most ask, release or flush; and others, of the test's own. */
export function stepsOf<A extends Asking, Other = never>(
  asking: fc.Arbitrary<A>,
  other?: fc.Arbitrary<Other>,
): fc.Arbitrary<Step<A, Other>[]> {
  const act = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name)
  const choices: fc.WeightedArbitrary<Step<A, Other>>[] = [
    { weight: 12, arbitrary: fc.record({ act: act('acquire'), asking }) },
    { weight: 3, arbitrary: fc.record({ act: act('tryAcquire'), asking }) },
    { weight: 8, arbitrary: fc.record({ act: act('release'), which: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ act: act('releaseAgain'), which: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ act: act('abort'), signal: fc.constantFrom(...SIGNALS) }) },
    { weight: 2, arbitrary: fc.record({ act: act('advance'), ms: fc.nat(10) }) },
    { weight: 8, arbitrary: fc.record({ act: act('flush') }) },
  ]
  if (other !== undefined) choices.push({ weight: 1, arbitrary: fc.record({ act: act('other'), other }) })
  return fc.array(fc.oneof(...choices), { size: 'max', maxLength: 60 })
}

/** One who holds permits, or may yet get them. */
export interface User {
  holds: boolean
  /** What it holds, as soon as we are told. */
  permit: Permit | undefined
}

/** Takes steps, and checks after each. No microtask runs except in a flush. */
export abstract class Driver<A extends Asking, U extends User, Other = never> {
  protected readonly clock: VirtualClock = new VirtualClock()
  protected readonly users: Set<U> = new Set()
  readonly #spent: Permit[] = []
  readonly #controllers = SIGNALS.map(() => new AbortController())

  async play(steps: readonly Step<A, Other>[]): Promise<void> {
    for (const step of steps) {
      if (step.act === 'flush') {
        await this.flush()
        continue
      }
      this.before()
      this.#act(step)
      this.check()
    }
    await this.end()
  }

  protected abstract ask(act: 'acquire' | 'tryAcquire', asking: A, signal: AbortSignal | undefined): void

  /** Holds after whatever happens. */
  protected abstract check(): void

  /** Holds when all microtasks have run. */
  protected abstract checkFlushed(): void

  /** All comes to its end, and nothing is left. */
  protected abstract end(): Promise<void>

  /** Called before a step. */
  protected before(): void {}

  protected other(_other: Other): void {}

  protected async flush(): Promise<void> {
    this.before()
    await flush()
    this.check()
    this.checkFlushed()
  }

  protected release(user: U): void {
    if (user.permit === undefined) return
    user.permit.release()
    this.#spent.push(user.permit)
    this.users.delete(user)
  }

  protected abortAll(): void {
    for (const signal of SIGNALS) this.#abort(signal)
  }

  #abort(signal: number): void {
    this.#controllers[signal]?.abort()
    this.#controllers[signal] = new AbortController()
  }

  #act(step: Exclude<Step<A, Other>, { act: 'flush' }>): void {
    switch (step.act) {
      case 'acquire':
      case 'tryAcquire':
        this.ask(step.act, step.asking, this.#controllers[step.asking.signal]?.signal)
        break
      case 'release': {
        const held = [...this.users].filter(({ permit }) => permit !== undefined)
        const user = held[step.which % held.length]
        if (user !== undefined) this.release(user)
        break
      }
      case 'releaseAgain':
        this.#spent[step.which % this.#spent.length]?.release()
        break
      case 'abort':
        this.#abort(step.signal)
        break
      case 'advance':
        this.clock.advance(step.ms)
        break
      case 'other':
        this.other(step.other)
        break
    }
  }
}
