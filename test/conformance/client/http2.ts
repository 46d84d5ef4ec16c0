import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { Client, Departure } from './client.ts'
import { Exchange, type RequestOptions } from './exchange.ts'

/** One session of HTTP/2, in the clear or over TLS. */
export class Http2Client implements Client {
  readonly #patience: number
  readonly #tcp: Socket
  readonly #session: ClientHttp2Session
  readonly #streams: ClientHttp2Stream[] = []

  constructor(port: number, secure: boolean, patience: number) {
    this.#patience = patience
    this.#tcp = connectTcp({ port, host: '127.0.0.1', noDelay: true })
    this.#tcp.on('error', () => {})
    const createConnection = (): Socket =>
      secure ? connectTls({ socket: this.#tcp, rejectUnauthorized: false, ALPNProtocols: ['h2'] }) : this.#tcp
    this.#session = connect(`http${secure ? 's' : ''}://localhost:${port}`, { createConnection })
    // A server that hangs up is part of the tests.
    this.#session.on('error', () => {})
  }

  request(path: string, { method = 'GET', headers = {}, body, sent }: RequestOptions = {}): Exchange {
    const length = body === undefined ? {} : { 'content-length': body.length }
    const stream = this.#session.request(
      { ':path': path, ':method': method, ...headers, ...length },
      { endStream: body === undefined },
    )
    this.#streams.push(stream)
    const content = body ?? ''
    const now = sent ?? content.length
    const exchange = new Exchange(path, this.#patience, () => stream.end(content.slice(now)))
    if (body !== undefined) {
      if (now === content.length) stream.end(content)
      // Written empty, it would wait for more: the head alone has to go out.
      else if (now > 0) stream.write(content.slice(0, now))
    }
    stream.on('continue', () => {
      exchange.continued = true
      exchange.changed()
    })
    stream.on('response', (headers) => {
      exchange.status = headers[':status']
      exchange.headers = headers as typeof exchange.headers
      exchange.changed()
    })
    stream.on('data', (data: Buffer) => {
      exchange.text += data.toString('latin1')
      exchange.changed()
    })
    let complete = false
    stream.on('end', () => {
      // What was reset ends, too.
      complete = stream.rstCode === constants.NGHTTP2_NO_ERROR && !stream.aborted
    })
    stream.on('error', () => {})
    stream.on('close', () => {
      if (!complete || stream.rstCode !== constants.NGHTTP2_NO_ERROR) return exchange.break()
      exchange.ended = true
      exchange.changed()
    })
    return exchange
  }

  leave(how: Departure): void {
    if (how === 'FIN') for (const stream of this.#streams) stream.close(constants.NGHTTP2_CANCEL)
    else this.#tcp.resetAndDestroy()
  }

  stall(): void {
    for (const stream of this.#streams) stream.pause()
  }

  destroy(): void {
    this.#session.destroy()
    this.#tcp.destroy()
  }
}
