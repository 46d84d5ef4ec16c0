import { connect, type Socket } from 'node:net'

const PATIENCE = 5_000

/**
 * An HTTP/1.1 client in the raw, whose request goes on until it says so: a handler that reads its body
 * is busy just as long.
 */
export class Client {
  readonly socket: Socket
  received = ''
  closed = false

  constructor(port: number, path: string) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (data) => {
      this.received += data
    })
    this.socket.on('close', () => {
      this.closed = true
    })
    // A server that goes away is part of the tests.
    this.socket.on('error', () => {})
    this.socket.write(
      [`POST ${path} HTTP/1.1`, 'host: test', 'transfer-encoding: chunked', '', ''].join('\r\n'),
    )
  }

  get status(): number | undefined {
    const status = /^HTTP\/1.1 (\d+)/.exec(this.received)?.[1]
    return status === undefined ? undefined : Number(status)
  }

  /** Sends a part of the body. */
  say(text: string): void {
    this.socket.write(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`)
  }

  /** Ends the body. */
  finish(): void {
    this.socket.write('0\r\n\r\n')
  }

  leave(how: 'FIN' | 'RST'): void {
    if (how === 'FIN') this.socket.end()
    else this.socket.resetAndDestroy()
  }

  async receives(text: string): Promise<void> {
    await until(`the client to receive ${text}`, () => this.received.includes(text))
  }
}

/** Asks again and again until the condition holds; throws if it never does. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${what}`)
    await turns(1)
  }
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
