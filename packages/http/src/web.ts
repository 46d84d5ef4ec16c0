import type { Limiter, Outcome } from '@lineclear/core'
import type { Admission } from './admission.ts'
import type { Rejection } from './rejection.ts'
import { Visit } from './visit.ts'

const inside = new WeakMap<Request, WebVisit[]>()

/**
 * One request through a limit, for a handler that returns a Response: asks for a permit, serves, and
 * keeps the permit until the response is over. Resolves with what is to be sent: what `serve` or
 * `refuse` made, or nothing for a client that left before it was served. Rejects as they do.
 */
export async function throughWeb<Context extends unknown[]>(
  admission: Admission<Context>,
  request: Request,
  context: Context,
  serve: () => Promise<Response>,
  refuse: (rejection: Rejection) => Promise<Response>,
): Promise<Response | undefined> {
  const visit = new WebVisit(request)
  try {
    const verdict = await admission.enter(visit, context)
    if (verdict === 'gone') return undefined
    if (verdict !== 'admitted') return await refuse(verdict)
    return await visit.until(await serve())
  } catch (error) {
    visit.end('ignored')
    throw error
  }
}

/**
 * A visit that ends with a web Response: when its body was read to the end, failed or was
 * cancelled, or when the request's signal aborts, even while it is being served.
 */
export class WebVisit extends Visit {
  readonly #request: Request

  constructor(request: Request) {
    super()
    this.#request = request
  }

  arrive(limiter: Limiter, key: string | undefined): 'gone' | 'admitted' | undefined {
    const { signal } = this.#request
    if (signal.aborted) return 'gone'
    const visits = inside.get(this.#request) ?? []
    if (visits.some((visit) => visit.limiter === limiter && visit.key === key && visit.holds))
      return 'admitted'
    this.limiter = limiter
    this.key = key
    visits.push(this)
    inside.set(this.#request, visits)
    signal.addEventListener('abort', this.#onAbort)
    return undefined
  }

  leaving(): AbortSignal {
    return this.#request.signal
  }

  override end(outcome: Outcome): void {
    this.#request.signal.removeEventListener('abort', this.#onAbort)
    super.end(outcome)
  }

  /**
   * Ends the visit when the response is over. Returns a response to send in place of the given one,
   * the same unless it has a body to watch.
   */
  async until(response: Response): Promise<Response> {
    if (!this.holds) return response
    const { body, status } = response
    // A body that somebody else reads cannot be watched, and a HEAD response's is never read.
    if (body === null || body.locked || this.#request.method === 'HEAD' || status === 101 || status === 0) {
      this.end('success')
      return response
    }
    return new Response(await this.#watch(body), response)
  }

  readonly #onAbort = (): void => this.end('ignored')

  async #watch(body: ReadableStream<Uint8Array>): Promise<ReadableStream<Uint8Array>> {
    const reader = body.getReader()
    const read = (): Promise<ReadResult> =>
      reader.read().then(
        (result) => {
          if (result.done) this.end('success')
          return result
        },
        (error) => {
          this.end('ignored')
          throw error
        },
      )
    const ahead = await readAhead(read)
    return new ReadableStream(
      {
        async pull(controller) {
          const { done, value } = await (ahead.shift() ?? read())
          if (done) controller.close()
          else controller.enqueue(value)
        },
        cancel: (reason) => {
          this.end('ignored')
          return reader.cancel(reason)
        },
      },
      { highWaterMark: 0 },
    )
  }
}

type ReadResult = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>

/**
 * A body in memory is read to its end within a few microtasks; looking that far ahead frees its permit
 * even if nobody reads it. Two reads, the content and the end, so a stream loses at most one chunk of
 * back-pressure.
 */
async function readAhead(read: () => Promise<ReadResult>): Promise<Promise<ReadResult>[]> {
  const ahead: Promise<ReadResult>[] = []
  for (let settled = true; settled && ahead.length < 2; ) {
    settled = false
    const next = read()
    next.then(
      () => {
        settled = true
      },
      // Told to whoever pulls it; until then it must not count as unhandled.
      () => {},
    )
    ahead.push(next)
    for (let ticks = 0; ticks < 6 && !settled; ticks++) await undefined
  }
  return ahead
}
