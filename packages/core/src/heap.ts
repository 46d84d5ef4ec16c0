/** A value's place in a heap, by which it can be moved or taken out. */
export interface HeapEntry<T> {
  readonly value: T
  /** @internal */
  index: number
}

/**
 * A binary heap that finds its values again: adding, moving and taking out are O(log n), the first is
 * O(1). Values that neither goes before the other are in no particular order.
 */
export class Heap<T> {
  readonly #entries: HeapEntry<T>[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#entries.length
  }

  get first(): T | undefined {
    return this.#entries[0]?.value
  }

  add(value: T): HeapEntry<T> {
    const entry = { value, index: this.#entries.length }
    this.#entries.push(entry)
    this.#rise(entry)
    return entry
  }

  /** To be called when what the order looks at has changed. */
  move(entry: HeapEntry<T>): void {
    this.#rise(entry)
    this.#sink(entry)
  }

  /** The entry must be in this heap. */
  remove(entry: HeapEntry<T>): void {
    const last = this.#entries.pop() as HeapEntry<T>
    if (last === entry) return
    this.#put(last, entry.index)
    this.move(last)
  }

  clear(): void {
    this.#entries.length = 0
  }

  #rise(entry: HeapEntry<T>): void {
    while (entry.index > 0) {
      const parent = this.#entries[(entry.index - 1) >> 1] as HeapEntry<T>
      if (!this.#before(entry.value, parent.value)) return
      this.#swap(entry, parent)
    }
  }

  #sink(entry: HeapEntry<T>): void {
    for (let child = this.#firstChild(entry); child !== undefined; child = this.#firstChild(entry)) {
      if (!this.#before(child.value, entry.value)) return
      this.#swap(entry, child)
    }
  }

  #firstChild({ index }: HeapEntry<T>): HeapEntry<T> | undefined {
    const left = this.#entries[2 * index + 1]
    const right = this.#entries[2 * index + 2]
    return left === undefined || right === undefined || !this.#before(right.value, left.value) ? left : right
  }

  #swap(a: HeapEntry<T>, b: HeapEntry<T>): void {
    const { index } = a
    this.#put(a, b.index)
    this.#put(b, index)
  }

  #put(entry: HeapEntry<T>, index: number): void {
    this.#entries[index] = entry
    entry.index = index
  }
}
