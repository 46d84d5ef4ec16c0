/** What a client has received in answer to one request. */
export interface Answer {
  status: number
  body: string
}

/** Cuts what comes from a connection into answers; as much of HTTP/1.1 as our servers speak. */
export class Answers {
  readonly complete: Answer[] = []
  /** Whether anything has come. */
  begun = false
  /** Of the requests without one: whether the answer has a body. */
  readonly #bodies: boolean[] = []
  #rest = ''

  toString(): string {
    return `${this.#bodies.length} answers to come, and so far ${JSON.stringify(this.#rest.slice(0, 500))}`
  }

  expect(method: string): void {
    this.#bodies.push(method !== 'HEAD')
  }

  /** @throws Error for what is no answer, or nobody asked for. */
  push(text: string): void {
    this.begun = true
    this.#rest += text
    while (this.#next());
  }

  #next(): boolean {
    const end = this.#rest.indexOf('\r\n\r\n')
    if (end < 0) return false
    const head = this.#rest.slice(0, end)
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1])
    if (Number.isNaN(status)) throw new Error(`No answer: ${this.#rest.slice(0, 200)}`)
    // Node's own, to a request that broke off; perhaps one that was answered before.
    if (status === 400) return false
    if (status < 200) {
      this.#rest = this.#rest.slice(end + 4)
      return true
    }
    const asked = this.#bodies[0]
    if (asked === undefined) throw new Error(`More answers than requests: ${this.#rest.slice(0, 200)}`)
    const found = asked && status !== 204 && status !== 304 ? bodyOf(head, this.#rest, end + 4) : NOTHING
    if (found === undefined) return false
    this.#bodies.shift()
    this.complete.push({ status, body: found.body })
    this.#rest = this.#rest.slice(end + 4 + found.length)
    return true
  }
}

interface Found {
  body: string
  length: number
}

const NOTHING: Found = { body: '', length: 0 }

/** The body that starts there, or `undefined` if there is more to come. */
function bodyOf(head: string, text: string, start: number): Found | undefined {
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
  if (length !== undefined) {
    const body = text.slice(start, start + Number(length))
    return body.length < Number(length) ? undefined : { body, length: body.length }
  }
  // Without either it lasts until the end of the connection.
  if (!/\r\ntransfer-encoding: *chunked/i.test(head)) return undefined
  let body = ''
  for (let at = start; ; ) {
    const line = text.indexOf('\r\n', at)
    if (line < 0) return undefined
    // Fastify's, in the middle of another answer, to a request that broke off behind it.
    if (text.startsWith('HTTP/1.1 400', at)) return undefined
    const size = Number.parseInt(text.slice(at, line), 16)
    if (Number.isNaN(size)) throw new Error(`No chunk: ${text.slice(at, at + 100)}`)
    const next = line + 2 + size + 2
    if (text.length < next) return undefined
    if (size === 0) return { body, length: next - start }
    body += text.slice(line + 2, line + 2 + size)
    at = next
  }
}
