/** One round's numbers, by what they measure. */
export type Sample<Metric extends string> = Record<Metric, number>

export interface Contestant<Metric extends string> {
  name: string
  /** Takes part in one of so many rounds only. Default 1. */
  every?: number | undefined
  measure(): Promise<Sample<Metric>>
}

export interface Spread {
  median: number
  /** The quartiles: half of the rounds lie between them. */
  low: number
  high: number
}

/** Measures all in turn, round after round, so that whatever slows the machine slows each alike. */
export async function interleave<Metric extends string>(
  contestants: readonly Contestant<Metric>[],
  rounds: number,
  warmups = 2,
): Promise<Results<Metric>> {
  const results = new Results<Metric>()
  for (let round = -warmups; round < rounds; round++) {
    for (let place = 0; place < contestants.length; place++) {
      // Another one starts each round, for nobody to always follow the same neighbour.
      const contestant = contestants[(place + round + warmups) % contestants.length]
      if (contestant === undefined || round % (contestant.every ?? 1) !== 0) continue
      const sample = await contestant.measure()
      if (round >= 0) results.add(contestant.name, round, sample)
    }
  }
  return results
}

export class Results<Metric extends string> {
  readonly #samples = new Map<string, Map<number, Sample<Metric>>>()

  add(name: string, round: number, sample: Sample<Metric>): void {
    const rounds = this.#samples.get(name) ?? new Map()
    this.#samples.set(name, rounds.set(round, sample))
  }

  value(name: string, metric: Metric): Spread {
    return spread([...this.#of(name).values()].map((sample) => sample[metric]))
  }

  /** What one is of another, round by round. */
  ratio(name: string, reference: string, metric: Metric): Spread {
    const ratios: number[] = []
    for (const [round, sample] of this.#of(name)) {
      const other = this.#of(reference).get(round)
      if (other !== undefined) ratios.push(sample[metric] / other[metric])
    }
    return spread(ratios)
  }

  #of(name: string): Map<number, Sample<Metric>> {
    const rounds = this.#samples.get(name)
    if (rounds === undefined) throw new Error(`nobody measured ${name}`)
    return rounds
  }
}

function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  const at = (part: number): number => sorted[Math.round((sorted.length - 1) * part)] ?? Number.NaN
  return { median: at(0.5), low: at(0.25), high: at(0.75) }
}
