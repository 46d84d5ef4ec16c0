import { type Limiter, systemClock } from '@lineclear/core'

/** How much one hold counts in the mean. */
const WEIGHT = 0.02
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
 */
export class Calendar {
  readonly #limiter: Limiter & { readonly waiting?: number }
  readonly #random: () => number
  /** Mean ms that a permit is held for one request; with a weight, that of all of them together. */
  #hold: number | undefined
  /** In ms on the limiter's clock: the last place that was promised. */
  #promised = -Infinity

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
    const hold = ms * weight
    this.#hold = this.#hold === undefined ? hold : this.#hold + WEIGHT * (hold - this.#hold)
  }

  /** The next place: the seconds after which a client that is refused now is to come back. */
  next(): number {
    const now = this.now()
    const { limit, waiting = 0 } = this.#limiter
    // Nothing is known before the first request is through.
    const each = this.#hold === undefined || !limit ? 0 : this.#hold / limit
    this.#promised = Math.max(this.#promised, now + waiting * each) + each / SHARE
    // Who comes back later than that comes at another time than promised: promise no more of those.
    this.#promised = Math.min(this.#promised, now + LONGEST * 1000)
    return this.#spread(Math.max(SHORTEST, (this.#promised - now) / 1000))
  }

  /** Rounded by chance, so that whole seconds spread as the fractions do. */
  #spread(seconds: number): number {
    const spread = seconds * (0.9 + 0.2 * this.#random())
    return Math.max(SHORTEST, Math.floor(spread + this.#random()))
  }
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
