import type { Clock } from '@lineclear/core'

/** Seeds that the rules were tried with, and others that they were not. */
export const SEEDS: readonly number[] = [1, 2, 3, 20_011, 77_003]

/** Where things happen at seeded times on virtual time, one after the other. */
export class Site {
  readonly clock: Clock
  #now = 0
  #random: number
  readonly #events: Event[] = []

  constructor(seed: number) {
    this.#random = seed
    this.clock = {
      now: () => this.#now,
      setTimer: (callback, ms) => {
        const event = this.after(ms, callback)
        return () => this.#cancel(event)
      },
    }
  }

  after(ms: number, happen: () => void): Event {
    const event = { at: this.#now + ms, happen }
    this.#events.push(event)
    return event
  }

  /** Again and again, after exponential times of this mean. */
  often(mean: number, happen: () => void): void {
    this.after(this.exponential(mean), () => {
      happen()
      this.often(mean, happen)
    })
  }

  exponential(mean: number): number {
    return -mean * Math.log(1 - this.random())
  }

  /** From 0 to 1: Tommy Ettinger's mulberry32. */
  random(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  /** All that is to happen, until nothing is left or it is enough. Callers are told in between. */
  async run(enough: () => boolean): Promise<void> {
    while (this.#events.length > 0 && !enough()) {
      // Few are to come at a time, so that a look at each is quick.
      const next = this.#events.reduce((a, b) => (b.at < a.at ? b : a))
      this.#cancel(next)
      this.#now = next.at
      next.happen()
      await undefined
      await undefined
      await undefined
    }
  }

  #cancel(event: Event): void {
    const index = this.#events.indexOf(event)
    const last = this.#events.pop()
    if (index < 0 || last === undefined) return
    if (last !== event) this.#events[index] = last
  }
}

interface Event {
  readonly at: number
  readonly happen: () => void
}
