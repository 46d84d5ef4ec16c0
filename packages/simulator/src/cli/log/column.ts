/** A column of numbers that grows. */
export class Column {
  #values = new Float64Array(1024)
  size = 0

  add(value: number): void {
    if (this.size === this.#values.length) {
      const larger = new Float64Array(this.size * 2)
      larger.set(this.#values)
      this.#values = larger
    }
    this.#values[this.size++] = value
  }

  get values(): Float64Array {
    return this.#values.subarray(0, this.size)
  }
}
