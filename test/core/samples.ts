import type { LimitAlgorithm, Sample } from '@lineclear/core'

/** A sample of one permit that came back, with the limit in use to the full and nobody waiting. */
export function sample(fields: Partial<Sample> = {}): Sample {
  const { limit = 20 } = fields
  return {
    now: 0,
    hold: 10,
    weight: 1,
    outcome: 'success',
    inUse: limit,
    waiting: 0,
    limit,
    area: 0,
    ...fields,
  }
}

/** Tells an algorithm of releases, one after the other, keeping the time, the area and the limit. */
export class Feed {
  limit: number
  #now = 0
  #area = 0
  readonly #algorithm: LimitAlgorithm

  constructor(algorithm: LimitAlgorithm, start: number) {
    this.#algorithm = algorithm
    this.limit = algorithm.start(start)
  }

  /** `count` releases, each of a permit that was held for `hold` ms; returns the limit after each. */
  releases(count: number, hold: number, fields: Partial<Sample> = {}): number[] {
    return Array.from({ length: count }, () => {
      const { inUse = this.limit } = fields
      const { limit } = this
      this.#now += hold / inUse
      this.#area += hold
      this.limit = this.#algorithm.update(
        sample({ hold, limit, inUse, ...fields, now: this.#now, area: this.#area }),
      )
      return this.limit
    })
  }
}
