/** A value somewhere in a JSON file, which knows where: its errors name the place and what is there. */
export class Field {
  readonly path: string
  readonly value: unknown

  constructor(path: string, value: unknown) {
    this.path = path
    this.value = value
  }

  get given(): boolean {
    return this.value !== undefined
  }

  get isObject(): boolean {
    return typeof this.value === 'object' && this.value !== null && !Array.isArray(this.value)
  }

  /** A property of an object. */
  get(name: string): Field {
    return new Field(this.path === '' ? name : `${this.path}.${name}`, this.#object()[name])
  }

  /** An object that has no other properties than these. */
  only(...known: string[]): this {
    for (const name of Object.keys(this.#object())) {
      if (!known.includes(name)) {
        throw new FieldError(
          this.get(name).path,
          new TypeError(`is not known; ${this.name} may have ${known.join(', ')}`),
        )
      }
    }
    return this
  }

  /** All of an object but for some of it. */
  without(...names: string[]): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this.#object()).filter(([name]) => !names.includes(name)))
  }

  list(): Field[] {
    if (!Array.isArray(this.value)) throw this.wrong('a list')
    return this.value.map((value, i) => new Field(`${this.path}[${i}]`, value))
  }

  number(): number {
    if (typeof this.value !== 'number') throw this.wrong('a number')
    return this.value
  }

  /** A whole number of at least so much. */
  count(least: number): number {
    const number = this.number()
    if (!Number.isSafeInteger(number) || number < least)
      throw this.wrong(`a whole number of at least ${least}`)
    return number
  }

  text(): string {
    if (typeof this.value !== 'string') throw this.wrong('a text')
    return this.value
  }

  flag(): boolean {
    if (typeof this.value !== 'boolean') throw this.wrong('true or false')
    return this.value
  }

  one<T extends string>(...choices: readonly T[]): T {
    if (!choices.includes(this.value as T)) throw this.wrong(`one of ${choices.join(', ')}`)
    return this.value as T
  }

  /** What `read` makes of it; undefined if it is not given. */
  maybe<T>(read: (field: Field) => T): T | undefined {
    return this.given ? read(this) : undefined
  }

  /** Makes something of it. What goes wrong there says where. */
  make<T>(make: (field: Field) => T): T {
    try {
      return make(this)
    } catch (error) {
      if (error instanceof Error && !(error instanceof FieldError)) throw new FieldError(this.name, error)
      throw error
    }
  }

  wrong(wanted: string): FieldError {
    return new FieldError(
      this.name,
      new TypeError(`must be ${wanted}; received ${JSON.stringify(this.value) ?? 'nothing'}`),
    )
  }

  get name(): string {
    return this.path === '' ? 'the scenario' : this.path
  }

  #object(): Record<string, unknown> {
    if (!this.isObject) throw this.wrong('an object')
    return this.value as Record<string, unknown>
  }
}

class FieldError extends TypeError {
  constructor(name: string, cause: Error) {
    super(`${name}${/^(must|is) /.test(cause.message) ? '' : ':'} ${cause.message}`, { cause })
  }
}
