import type { Exchange } from './exchange.ts'

/** Reads HTTP/1.1 responses from a connection and gives each to the exchange whose turn it is. */
export class ResponseParser {
  readonly #pending: Exchange[]
  #unread = ''
  #body: 'none' | 'length' | 'chunked' | 'rest' = 'none'
  #left = 0

  constructor(pending: Exchange[]) {
    this.#pending = pending
  }

  read(data: Buffer): void {
    this.#unread += data.toString('latin1')
    while (this.#step());
  }

  /** The server has closed its side. */
  end(): void {
    if (this.#body === 'rest') this.#finish()
  }

  /** Reads as much as makes sense by itself; returns whether there may be more. */
  #step(): boolean {
    const exchange = this.#pending[0]
    if (exchange === undefined) return false
    if (exchange.status === undefined) return this.#head(exchange)
    if (this.#body === 'chunked') return this.#chunk(exchange)
    const take = this.#body === 'length' ? this.#unread.slice(0, this.#left) : this.#unread
    if (take === '') return false
    exchange.text += take
    this.#unread = this.#unread.slice(take.length)
    this.#left -= take.length
    if (this.#body === 'length' && this.#left === 0) this.#finish()
    else exchange.changed()
    return true
  }

  #head(exchange: Exchange): boolean {
    const end = this.#unread.indexOf('\r\n\r\n')
    if (end < 0) return false
    const [first = '', ...lines] = this.#unread.slice(0, end).split('\r\n')
    this.#unread = this.#unread.slice(end + 4)
    const status = Number(first.split(' ')[1])
    if (status === 100) {
      exchange.continued = true
      exchange.changed()
      return true
    }
    const head = ':head' in exchange.headers
    exchange.headers = Object.fromEntries(
      lines.map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
    )
    exchange.status = status
    const length = exchange.headers['content-length']
    if (head || status === 204 || status === 304 || length === '0') {
      this.#finish()
      return true
    }
    this.#body =
      exchange.headers['transfer-encoding'] === 'chunked'
        ? 'chunked'
        : length === undefined
          ? 'rest'
          : 'length'
    this.#left = Number(length)
    exchange.changed()
    return true
  }

  #chunk(exchange: Exchange): boolean {
    const end = this.#unread.indexOf('\r\n')
    if (end < 0) return false
    const length = Number.parseInt(this.#unread.slice(0, end), 16)
    if (this.#unread.length < end + 2 + length + 2) return false
    exchange.text += this.#unread.slice(end + 2, end + 2 + length)
    this.#unread = this.#unread.slice(end + 2 + length + 2)
    if (length === 0) this.#finish()
    else exchange.changed()
    return true
  }

  #finish(): void {
    const exchange = this.#pending.shift()
    this.#body = 'none'
    if (exchange === undefined) return
    exchange.ended = true
    exchange.changed()
  }
}
