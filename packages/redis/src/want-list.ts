import type { Account } from './account.ts'

/** One acquire that waits for its permits, or did. */
export class Want<Waiter> {
  readonly account: Account<Waiter>
  readonly weight: number
  /** Whatever was given to `acquire`: who is to be told. */
  readonly waiter: Waiter
  /** Its place among this instance's wants. A new incarnation gives it a new one. */
  sequence: number
  state: 'waiting' | 'granted' | 'rejected' | 'cancelled' = 'waiting'

  constructor(account: Account<Waiter>, weight: number, waiter: Waiter, sequence: number) {
    this.account = account
    this.weight = weight
    this.waiter = waiter
    this.sequence = sequence
  }

  get key(): string {
    return this.account.key
  }
}

/**
 * Wants by rising sequence number. Those that no longer wait stay until they are half of it, so that each
 * step costs O(log n) at most: a Map would skip all that left whenever it is asked for its first.
 */
export class WantList<Waiter> {
  #wants: Want<Waiter>[] = []
  #head = 0
  #size = 0

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  push(want: Want<Waiter>): void {
    this.#wants.push(want)
    this.#size++
  }

  /** The want has been granted, rejected or cancelled. */
  leave(want: Want<Waiter>, state: 'granted' | 'rejected' | 'cancelled'): void {
    want.state = state
    this.#size--
    // Nobody waits: let go of who did, who may keep much.
    if (this.#size === 0 || this.#wants.length > 2 * this.#size + 64) {
      this.#wants = this.waiting()
      this.#head = 0
    }
  }

  first(): Want<Waiter> | undefined {
    while (this.#head < this.#wants.length && this.#wants[this.#head]?.state !== 'waiting') this.#head++
    return this.#wants[this.#head]
  }

  last(): Want<Waiter> | undefined {
    return this.#wants.at(-1)
  }

  find(sequence: number): Want<Waiter> | undefined {
    const found = this.#wants[this.#indexAfter(sequence - 1)]
    return found?.sequence === sequence && found.state === 'waiting' ? found : undefined
  }

  /** Those that wait, after a sequence number. */
  *after(sequence: number): Generator<Want<Waiter>> {
    const wants = this.#wants
    for (let index = this.#indexAfter(sequence); index < wants.length; index++) {
      const want = wants[index] as Want<Waiter>
      if (want.state === 'waiting') yield want
    }
  }

  waiting(): Want<Waiter>[] {
    return this.#wants.filter(({ state }) => state === 'waiting')
  }

  /** Gives all that wait new sequence numbers, in their order. */
  renumber(next: () => number): void {
    this.#wants = this.waiting()
    this.#head = 0
    for (const want of this.#wants) want.sequence = next()
  }

  #indexAfter(sequence: number): number {
    let low = this.#head
    let high = this.#wants.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#wants[middle] as Want<Waiter>).sequence <= sequence) low = middle + 1
      else high = middle
    }
    return low
  }
}
