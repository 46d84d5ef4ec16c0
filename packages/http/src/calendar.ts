import { type Limiter, systemClock } from '@lineclear/core'
import { MeanHold } from '@lineclear/core/mean-hold'

/** The share of the capacity that is promised to those who come back. The rest is for who comes first. */
const SHARE = 0.25
/** In s. */
const SHORTEST = 1
const LONGEST = 60

/**
 * When refused clients are to come back: each is promised a place of its own, later than those promised
 * before, so that they do not all return at once. Places are a quarter of what the limiter can serve,
 * from the time on when those who wait now have been served; that is known from how long permits are
 * held. From 1 to 60 s, spread by a tenth, in whole seconds: docs/decisions/0015.
 *
 * Where each key has a limiter, each has a line and places of its own: who is refused waits for nobody
 * else's. How long permits are held is a mean of all.
 */
export class Calendar {
  readonly #limiter: Line & Partial<Lines>
  readonly #random: () => number
  /** How long a permit is held for one request; with a weight, all of them together. */
  readonly #hold = new MeanHold()
  /** In ms on the limiter's clock: the last place that was promised in a line. One that goes is forgotten. */
  readonly #promised = new WeakMap<Line, number>()

  constructor(limiter: Limiter, random: () => number = Math.random) {
    this.#limiter = limiter
    this.#random = random
  }

  /** In ms, on the limiter's clock. */
  now(): number {
    return (this.#limiter.clock ?? systemClock).now()
  }

  /** Tells that a request has given its permits back, and for how many ms it held how many. */
  held(ms: number, weight: number): void {
    this.#hold.add(ms * weight)
  }

  /** The next place: the seconds after which a client that is refused now, with that key, is to come back. */
  next(key?: string): number {
    const now = this.now()
    const line = this.#lineOf(key)
    const { limit, waiting = 0 } = line
    // Nothing is known before the first request is through.
    const each = limit ? this.#hold.ms / limit : 0
    const place = Math.max(this.#promised.get(line) ?? -Infinity, now + waiting * each) + each / SHARE
    // Who comes back later than that comes at another time than promised: promise no more of those.
    const promised = Math.min(place, now + LONGEST * 1000)
    this.#promised.set(line, promised)
    return this.#spread(Math.max(SHORTEST, (promised - now) / 1000))
  }

  /** A key for which there was no limiter to be had goes with those that have no key. */
  #lineOf(key: string | undefined): Line {
    const limiter = this.#limiter
    if (typeof limiter.keys !== 'number' || limiter.get === undefined) return limiter
    return limiter.get(key) ?? limiter.get() ?? limiter
  }

  /** Rounded by chance, so that whole seconds spread as the fractions do. */
  #spread(seconds: number): number {
    const spread = seconds * (0.9 + 0.2 * this.#random())
    return Math.max(SHORTEST, Math.floor(spread + this.#random()))
  }
}

type Line = Limiter & { readonly waiting?: number }

/** A `Keyed`, of whichever copy of the core. */
interface Lines {
  readonly keys: number
  get(key?: string): Line | undefined
}

const calendars = new WeakMap<Limiter, Calendar>()

/** The one calendar of a limiter, however many routes share it. */
export function calendarOf(limiter: Limiter): Calendar {
  let calendar = calendars.get(limiter)
  if (calendar === undefined) {
    calendar = new Calendar(limiter)
    calendars.set(limiter, calendar)
  }
  return calendar
}
