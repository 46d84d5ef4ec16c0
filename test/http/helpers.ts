import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'

/** A promise that is resolved from outside. */
export class Gate<T = void> {
  open!: (value: T) => void
  fail!: (error: unknown) => void
  readonly opened: Promise<T> = new Promise((resolve, reject) => {
    this.open = resolve
    this.fail = reject
  })
}

const PATIENCE = 5_000

/** Turns the event loop until the condition holds; throws if it never does. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + PATIENCE
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${condition}`)
    await turnOfTheLoop()
  }
}

export function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export async function listening(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** An HTTP/1.1 client in the raw, that can leave at any moment. */
export class RawClient {
  readonly socket: Socket
  received = ''
  closed = false

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (data) => {
      this.received += data
    })
    this.socket.on('close', () => {
      this.closed = true
    })
    // A server that goes away is part of the tests.
    this.socket.on('error', () => {})
  }

  send(path: string, options: { method?: string; headers?: string[]; body?: string } = {}): this {
    const { method = 'GET', headers = [], body = '' } = options
    this.socket.write([`${method} ${path} HTTP/1.1`, 'Host: test', ...headers, '', body].join('\r\n'))
    return this
  }

  async receives(text: string): Promise<void> {
    await until(() => this.received.includes(text))
  }

  leave(how: 'FIN' | 'RST' = 'RST'): void {
    if (how === 'FIN') this.socket.end()
    else this.socket.resetAndDestroy()
  }
}
