import { checkCount } from '@lineclear/core/check'
import { checkAmount, checkPositive } from './check.ts'
import type { Random } from './random.ts'

/** A request that comes. What it does not say, the scenario draws. */
export interface Arrival {
  /** When, in ms from the start. */
  readonly at: number
  /** How much work it is: the ms that it would take alone. */
  readonly service?: number | undefined
  /** How many ms its client waits for the answer. */
  readonly patience?: number | undefined
  readonly key?: string | undefined
  readonly priority?: number | undefined
  readonly weight?: number | undefined
}

/**
 * When requests come: a generator of arrivals in the order of their times. It may be endless; the
 * scenario's duration ends it. All candidates see the same arrivals, since they have their own randomness.
 */
export type Arrivals = (random: Random) => Iterator<Arrival, unknown>

/** Independent clients: as many requests a second on average, at random times. */
export function poisson(rate: number): Arrivals {
  checkPositive('poisson rate', rate)
  return function* (random) {
    for (let at = 0; ; ) {
      at += (random.exponential() * 1000) / rate
      yield { at }
    }
  }
}

/**
 * Independent clients whose number changes: `rate(t)` requests a second at t ms, never more than `most`.
 * By thinning (Lewis and Shedler): they come at the highest rate, and each stays with probability
 * rate / most.
 */
export function varying(rate: (time: number) => number, most: number): Arrivals {
  checkPositive('varying most', most)
  return function* (random) {
    for (let at = 0; ; ) {
      at += (random.exponential() * 1000) / most
      const now = rate(at)
      if (!(now >= 0 && now <= most * (1 + 1e-9))) {
        throw new RangeError(`rate must be from 0 to ${most} requests a second; received ${now} at ${at} ms`)
      }
      if (random.next() * most < now) yield { at }
    }
  }
}

/** Each step holds from its time (ms) on, at its rate (requests a second). Before the first there is none. */
export function steps(changes: readonly (readonly [at: number, rate: number])[]): Arrivals {
  const sorted = [...changes].sort(([a], [b]) => a - b)
  for (const [at, rate] of sorted) {
    checkAmount('steps time', at)
    checkAmount('steps rate', rate)
  }
  return varying(
    (time) => sorted.findLast(([at]) => at <= time)?.[1] ?? 0,
    Math.max(0, ...sorted.map(([, rate]) => rate)),
  )
}

export interface BurstsOptions {
  /** Requests a second between bursts. */
  rate: number
  /** Requests a second in a burst. */
  peak: number
  /** Ms from the start of one burst to that of the next. The first starts one such time after 0. */
  every: number
  /** Ms that a burst lasts. */
  length: number
}

/** A steady rate, and higher ones now and then. */
export function bursts({ rate, peak, every, length }: BurstsOptions): Arrivals {
  checkAmount('bursts rate', rate)
  checkPositive('bursts peak', peak)
  checkPositive('bursts every', every)
  checkPositive('bursts length', length)
  return varying((time) => (time >= every && time % every < length ? peak : rate), Math.max(rate, peak))
}

/** From one rate (requests a second) to another, in a straight line over `length` ms; then it stays. */
export function ramp(from: number, to: number, length: number): Arrivals {
  checkAmount('ramp from', from)
  checkAmount('ramp to', to)
  checkPositive('ramp length', length)
  return varying((time) => from + (to - from) * Math.min(1, time / length), Math.max(from, to))
}

/** Night and day: a cosine from `low` (at 0) to `high` (half a period later) and back, in ms. */
export function diurnal(low: number, high: number, period: number): Arrivals {
  checkAmount('diurnal low', low)
  checkPositive('diurnal high', high)
  checkPositive('diurnal period', period)
  return varying(
    (time) => low + ((high - low) * (1 - Math.cos((2 * Math.PI * time) / period))) / 2,
    Math.max(low, high),
  )
}

/** Pages: for each arrival as many requests at once. */
export function pages(arrivals: Arrivals, size: number): Arrivals {
  checkCount('pages size', size, 1)
  return function* (random) {
    const each = arrivals(random)
    for (let next = each.next(); next.done !== true; next = each.next()) {
      for (let i = 0; i < size; i++) yield next.value
    }
  }
}

/** What came once: a recorded trace, in the order of its times. A RangeError tells of one out of order. */
export function trace(recorded: Iterable<Arrival>): Arrivals {
  return function* () {
    let last = 0
    for (const arrival of recorded) {
      if (!(arrival.at >= last)) {
        throw new RangeError(`trace must be in the order of its times; received ${arrival.at} after ${last}`)
      }
      last = arrival.at
      yield arrival
    }
  }
}
