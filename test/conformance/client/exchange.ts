export interface RequestOptions {
  method?: string
  headers?: Record<string, string>
  body?: string
  /** How much of the body is sent with the request; the rest follows at `sendRest()`. Default: all of it. */
  sent?: number
}

/** One request and what came back for it. */
export class Exchange {
  status: number | undefined
  headers: Record<string, string | string[] | undefined> = {}
  text = ''
  /** The server said 100 Continue. */
  continued = false
  /** The response has been received in full. */
  ended = false
  /** The connection or the stream closed before. */
  broken = false
  readonly path: string
  readonly #patience: number
  readonly #rest: () => void
  readonly #watchers = new Set<() => void>()

  constructor(path: string, patience: number, rest: () => void) {
    this.path = path
    this.#patience = patience
    this.#rest = rest
  }

  sendRest(): void {
    this.#rest()
  }

  /** Resolves when the response's head is there. Rejects unless its status is the given one. */
  async answered(status = 200): Promise<void> {
    await this.#when(() => this.status !== undefined, 'an answer')
    if (this.status !== status) {
      throw new Error(`${this.path} was answered ${this.status} instead of ${status}: ${this.text}`)
    }
  }

  async receives(text: string): Promise<void> {
    await this.#when(() => this.text.includes(text), `"${text}"`)
  }

  /** Resolves when the response was received in full. */
  async finished(status = 200): Promise<void> {
    await this.answered(status)
    await this.#when(() => this.ended, 'the end of the response')
  }

  async mayContinue(): Promise<void> {
    await this.#when(() => this.continued, '100 Continue')
  }

  /** Resolves when the response was cut off, or ended. */
  async isOver(): Promise<void> {
    await this.#when(() => this.ended || this.broken, 'the end, in whatever way')
  }

  changed(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  break(): void {
    if (this.ended) return
    this.broken = true
    this.changed()
  }

  #when(condition: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        clearTimeout(timer)
        this.#watchers.delete(look)
        if (error) reject(error)
        else resolve()
      }
      const look = (): void => {
        if (condition()) settle()
        else if (this.broken) settle(new Error(`${this.path} was cut off before ${what}`))
        else if (this.ended)
          settle(new Error(`${this.path} ended without ${what}: "${this.text.slice(0, 200)}"`))
      }
      const giveUp = (): void => settle(new Error(`${this.path} waited in vain for ${what}`))
      const timer = setTimeout(giveUp, this.#patience)
      this.#watchers.add(look)
      look()
    })
  }
}
