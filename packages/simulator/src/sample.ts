/** Numbers seen, for their mean and their exact percentiles. */
export class Sample {
  #values = new Float64Array(16)
  #size = 0
  #sum = 0
  #sorted = true

  get count(): number {
    return this.#size
  }

  add(value: number): void {
    if (this.#size === this.#values.length) {
      const larger = new Float64Array(this.#size * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.#size++] = value
    this.#sum += value
    this.#sorted = false
  }

  /** NaN when nothing was seen. */
  get mean(): number {
    return this.#sum / this.#size
  }

  /** The least value that is not below this share of them all (nearest rank). NaN when nothing was seen. */
  percentile(share: number): number {
    if (this.#size === 0) return Number.NaN
    if (!this.#sorted) this.#values.subarray(0, this.#size).sort()
    this.#sorted = true
    return this.#values[Math.max(0, Math.ceil(share * this.#size - 1e-9) - 1)] as number
  }

  /** How many are above a value. */
  above(value: number): number {
    let count = 0
    for (let i = 0; i < this.#size; i++) if ((this.#values[i] as number) > value) count++
    return count
  }

  clear(): void {
    this.#size = 0
    this.#sum = 0
    this.#sorted = true
  }

  summary(): Summary {
    return {
      count: this.count,
      mean: this.mean,
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      max: this.percentile(1),
    }
  }
}

/** Numbers in short. All but the count are NaN when there were none. */
export interface Summary {
  readonly count: number
  readonly mean: number
  readonly p50: number
  readonly p90: number
  readonly p99: number
  readonly max: number
}
