import { complaintsOf } from './client.ts'
import { Connection } from './connection.ts'
import { drawPolite, type RequestPlan } from './plan.ts'
import type { Random } from './random.ts'

const SLOW = { act: 'later', before: 0 } as const

/**
 * A client that behaves, and stays connected from round to round: what requests leave behind on their
 * connection would gather there.
 */
export class Regular {
  requests = 0
  /** How often the server closed the connection. */
  losses = 0
  connections = 0
  complaints: string[] = []
  readonly #name: string
  readonly #port: number
  #connection: Connection | undefined

  constructor(name: string, port: number) {
    this.#name = name
    this.#port = port
  }

  /** Sends a pipeline, for which the server watches the socket as long as it lasts. */
  async come(random: Random): Promise<void> {
    const drawn = Array.from({ length: 3 }, () => this.#draw(random))
    await this.#batch(drawn.map((request) => ({ ...request, order: { ...request.order, ...SLOW } })))
  }

  /** Sends batches, one after the other, as long as told to. */
  async visit(random: Random, goesOn: () => boolean): Promise<void> {
    do {
      const size = random.pick([1, 1, 3])
      await this.#batch(Array.from({ length: size }, () => this.#draw(random)))
    } while (goesOn())
  }

  get connected(): boolean {
    return this.#connection?.closed === false
  }

  toString(): string {
    return `${this.#name}, at its request ${this.requests}: ${this.#connection?.answers}`
  }

  async leave(): Promise<void> {
    await this.#connection?.leave('close')
  }

  #draw(random: Random): RequestPlan {
    return drawPolite(random, `${this.#name}.${++this.requests}`)
  }

  async #batch(batch: RequestPlan[]): Promise<void> {
    if (this.#connection === undefined || this.#connection.closed) {
      this.#connection = new Connection(this.#port)
      this.connections++
    }
    const connection = this.#connection
    const { complete } = connection.answers
    complete.length = 0
    connection.send(batch)
    await connection.until(() => complete.length >= batch.length)
    this.complaints.push(...complaintsOf(connection, batch))
    if (connection.closed) this.losses++
  }
}
