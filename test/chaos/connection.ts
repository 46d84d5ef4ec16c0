import { connect, type Socket } from 'node:net'
import { Answers } from './answers.ts'
import type { Plan, RequestPlan } from './plan.ts'

const LINGER = 50

/** A client's side of a connection. */
export class Connection {
  readonly answers: Answers = new Answers()
  closed = false
  /** What came that is no answer. */
  nonsense: unknown
  readonly #socket: Socket
  #connected = false
  #wake: (() => void) | undefined

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    this.#socket.setEncoding('latin1')
    this.#socket.on('connect', () => {
      this.#connected = true
      this.#wake?.()
    })
    this.#socket.on('data', (text: string) => this.#receive(text))
    this.#socket.on('end', () => this.#socket.end())
    this.#socket.on('close', () => {
      this.closed = true
      this.#wake?.()
    })
    // A server that goes away is part of the run.
    this.#socket.on('error', () => {})
  }

  /** Sends requests at once, or the given part of their bytes. */
  send(requests: readonly RequestPlan[], part: number = 1): void {
    for (const { method } of requests) this.answers.expect(method)
    const text = requests.map(write).join('')
    this.#socket.write(part === 1 ? text : text.slice(0, Math.floor(text.length * part)))
  }

  /** Until it holds, or the connection is closed, or the time is over. */
  until(condition: () => boolean, ms: number = Infinity): Promise<void> {
    if (this.closed || condition()) return Promise.resolve()
    return new Promise((resolve) => {
      const done = (): void => {
        this.#wake = undefined
        clearTimeout(timer)
        resolve()
      }
      const timer = ms === Infinity ? undefined : setTimeout(done, ms)
      this.#wake = () => {
        if (this.closed || condition()) done()
      }
    })
  }

  stall(): void {
    this.#socket.pause()
  }

  /** Not before it is connected, so that the server sees as many connections as there are clients. */
  async leave(how: Plan['leave']['how']): Promise<void> {
    await this.until(() => this.#connected)
    if (how === 'RST') this.#socket.resetAndDestroy()
    else if (how === 'close') this.#socket.destroy()
    else this.#socket.end()
    await this.until(() => false, LINGER)
    this.#socket.destroy()
    await this.until(() => false)
  }

  #receive(text: string): void {
    try {
      if (this.nonsense === undefined) this.answers.push(text)
    } catch (error) {
      this.nonsense = error
    }
    this.#wake?.()
  }
}

const FILLER = 'x'.repeat(200_000)

function write({ order, method, upload, expectsContinue }: RequestPlan): string {
  const lines = [
    `${method} /${order.id} HTTP/1.1`,
    'Host: chaos',
    `X-Id: ${order.id}`,
    `X-Weight: ${order.weight}`,
    `X-Skip: ${order.skip ? 'yes' : 'no'}`,
    `X-Order: ${JSON.stringify(order)}`,
  ]
  if (method === 'POST') lines.push(`Content-Length: ${upload}`, 'Content-Type: text/plain')
  if (expectsContinue) lines.push('Expect: 100-continue')
  return [...lines, '', FILLER.slice(0, upload)].join('\r\n')
}
