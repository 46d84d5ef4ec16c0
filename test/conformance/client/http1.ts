import { connect, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Client, Departure } from './client.ts'
import { Exchange, type RequestOptions } from './exchange.ts'
import { ResponseParser } from './response-parser.ts'

/** HTTP/1.1 by hand, in the clear or over TLS. */
export class Http1Client implements Client {
  readonly #patience: number
  readonly #tcp: Socket
  /** The same, or TLS on it. */
  readonly #socket: Socket
  readonly #pending: Exchange[] = []

  constructor(port: number, secure: boolean, patience: number) {
    this.#patience = patience
    this.#tcp = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#socket = secure
      ? connectTls({ socket: this.#tcp, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
      : this.#tcp
    const parser = new ResponseParser(this.#pending)
    this.#socket.on('data', (data) => parser.read(data))
    this.#socket.on('end', () => {
      parser.end()
      this.#broken()
    })
    this.#socket.on('close', () => this.#broken())
    // A server that hangs up is part of the tests.
    this.#socket.on('error', () => {})
    this.#tcp.on('error', () => {})
  }

  request(path: string, { method = 'GET', headers = {}, body, sent }: RequestOptions = {}): Exchange {
    const content = body ?? ''
    const now = sent ?? content.length
    const exchange = new Exchange(path, this.#patience, () => this.#socket.write(content.slice(now)))
    this.#pending.push(exchange)
    const lines = [`${method} ${path} HTTP/1.1`, 'Host: localhost']
    for (const name in headers) lines.push(`${name}: ${headers[name]}`)
    if (body !== undefined) lines.push(`Content-Length: ${body.length}`)
    this.#socket.write(`${lines.join('\r\n')}\r\n\r\n${content.slice(0, now)}`)
    if (method === 'HEAD') exchange.headers[':head'] = 'yes'
    return exchange
  }

  leave(how: Departure): void {
    if (how === 'half-close') this.#socket.end()
    else if (how === 'FIN') this.#socket.destroySoon()
    else this.#tcp.resetAndDestroy()
  }

  stall(): void {
    this.#socket.pause()
  }

  destroy(): void {
    this.#socket.destroy()
    this.#tcp.destroy()
  }

  #broken(): void {
    for (const exchange of this.#pending.splice(0)) exchange.break()
  }
}
