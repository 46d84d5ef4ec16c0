import type { AcquireRequest } from '@lineclear/core'
import type { Arrival } from './arrivals.ts'
import type { Client } from './attempt.ts'
import { type Distribution, distribution } from './distribution.ts'
import { Random } from './random.ts'
import { type Counts, noCounts } from './result.ts'
import type { Scenario } from './scenario.ts'

type Draw<T> = () => T

/** Those who come: what each of them wants, drawn with the scenario's seed, and what became of them. */
export class Crowd {
  readonly total: Counts = noCounts()
  readonly byKey: Map<string, Counts> = new Map()
  readonly byPriority: Map<number, Counts> = new Map()
  readonly #seed: number | string
  readonly #warmUp: number
  readonly #work: Draw<number>
  readonly #patience: Draw<number>
  readonly #key: Draw<string | undefined>
  readonly #priority: Draw<number | undefined>
  readonly #weight: Draw<number | undefined>
  #count = 0

  constructor({ seed = 1, warmUp = 0, service, clients = {} }: Scenario) {
    this.#seed = seed
    this.#warmUp = warmUp
    this.#work = service === undefined ? noService : this.#drawNumber('service', service)
    this.#patience = this.#drawNumber('patience', clients.patience ?? Infinity)
    this.#key = this.#draw('key', clients.key)
    this.#priority = this.#draw('priority', clients.priority)
    this.#weight = this.#draw('weight', clients.weight)
  }

  next(arrival: Arrival): Client {
    // All are drawn, also where the arrival says otherwise: what one request says changes no other.
    const [drawnKey, drawnPriority, drawnWeight] = [this.#key(), this.#priority(), this.#weight()]
    const { key = drawnKey, priority = drawnPriority, weight = drawnWeight } = arrival
    const patience = this.#patience()
    return {
      id: this.#count++,
      at: arrival.at,
      work: arrival.service ?? this.#work(),
      patience: arrival.patience ?? patience,
      weight: weight ?? 1,
      request: requestOf(key, priority, weight),
      counts: arrival.at < this.#warmUp ? [] : this.#countsOf(key, priority),
      tries: 0,
    }
  }

  /** Whoever came and is neither answered nor given up by now is unfinished. */
  end(): void {
    for (const counts of [this.total, ...this.byKey.values(), ...this.byPriority.values()]) {
      counts.unfinished = counts.offered - counts.succeeded - counts.failed - counts.gaveUp
    }
  }

  #countsOf(key: string | undefined, priority: number | undefined): Counts[] {
    const counts = [this.total]
    if (key !== undefined) counts.push(countsIn(this.byKey, key))
    if (priority !== undefined) counts.push(countsIn(this.byPriority, priority))
    return counts
  }

  #draw<T>(name: string, from: ((random: Random) => T) | undefined): Draw<T | undefined> {
    const random = new Random(this.#seed, name)
    return from === undefined ? () => undefined : () => from(random)
  }

  #drawNumber(name: string, value: number | Distribution): Draw<number> {
    const [random, next] = [new Random(this.#seed, name), distribution(name, value)]
    return () => next(random)
  }
}

function countsIn<K>(groups: Map<K, Counts>, name: K): Counts {
  const counts = groups.get(name) ?? noCounts()
  groups.set(name, counts)
  return counts
}

function requestOf(
  key: string | undefined,
  priority: number | undefined,
  weight: number | undefined,
): AcquireRequest | undefined {
  if (key === undefined && priority === undefined && weight === undefined) return undefined
  return { key, priority, weight }
}

function noService(): never {
  throw new TypeError('service must be given, or by each arrival; received undefined')
}
