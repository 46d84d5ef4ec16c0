/** A binary heap: the least key first, and of equal keys the one that came first. */
export class Heap<T> {
  #keys: number[] = []
  #turns: number[] = []
  #items: T[] = []
  #turn = 0

  get size(): number {
    return this.#items.length
  }

  /** The least key; Infinity when the heap is empty. */
  get key(): number {
    return this.#keys[0] ?? Infinity
  }

  /** What has the least key. */
  get first(): T | undefined {
    return this.#items[0]
  }

  push(key: number, item: T): void {
    this.#place(this.#items.length, key, this.#turn++, item)
  }

  /** Takes out what has the least key. */
  pop(): T | undefined {
    const first = this.#items[0]
    const key = this.#keys.pop()
    const turn = this.#turns.pop()
    const item = this.#items.pop()
    if (this.#items.length > 0) this.#sink(key as number, turn as number, item as T)
    return first
  }

  /** Leaves out what does not pass. O(n). */
  keep(passes: (item: T) => boolean): void {
    const kept = this.#items.map((_, i) => i).filter((i) => passes(this.#items[i] as T))
    const [keys, turns, items] = [this.#keys, this.#turns, this.#items]
    this.#keys = []
    this.#turns = []
    this.#items = []
    for (const i of kept) {
      this.#place(this.#items.length, keys[i] as number, turns[i] as number, items[i] as T)
    }
  }

  /** Moves a new element up from an empty place. */
  #place(place: number, key: number, turn: number, item: T): void {
    let at = place
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.#isAfter(parent, key, turn)) break
      this.#move(parent, at)
      at = parent
    }
    this.#set(at, key, turn, item)
  }

  /** Moves an element down from the empty root. */
  #sink(key: number, turn: number, item: T): void {
    const size = this.#items.length
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      const right = child + 1
      if (right < size && this.#isAfter(child, this.#keys[right] as number, this.#turns[right] as number)) {
        child = right
      }
      if (this.#isAfter(child, key, turn)) break
      this.#move(child, at)
      at = child
    }
    this.#set(at, key, turn, item)
  }

  #isAfter(at: number, key: number, turn: number): boolean {
    const other = this.#keys[at] as number
    return other > key || (other === key && (this.#turns[at] as number) > turn)
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#keys[from] as number, this.#turns[from] as number, this.#items[from] as T)
  }

  #set(at: number, key: number, turn: number, item: T): void {
    this.#keys[at] = key
    this.#turns[at] = turn
    this.#items[at] = item
  }
}
