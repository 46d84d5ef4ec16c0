/** How much one hold counts in the mean. */
const WEIGHT = 0.02

/**
 * The mean time that permits are held: the plain mean of the first fifty holds, lest the first one count
 * for too much, and exponentially weighted after that.
 */
export class MeanHold {
  #ms = 0
  #holds = 0

  /** In ms; 0 while no hold has ended. */
  get ms(): number {
    return this.#ms
  }

  add(hold: number): void {
    this.#holds++
    this.#ms += Math.max(WEIGHT, 1 / this.#holds) * (hold - this.#ms)
  }
}
