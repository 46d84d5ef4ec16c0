import type { Limiter } from '@lineclear/core'
import { Visit } from './visit.ts'

const inside = new WeakMap<Request, WebVisit[]>()

/**
 * A visit that ends with a web Response: when its body was read to the end, failed or was
 * cancelled, or when the request's signal aborts. Pass the response through `until`.
 */
export class WebVisit extends Visit {
  readonly #request: Request

  constructor(request: Request) {
    super()
    this.#request = request
  }

  arrive(limiter: Limiter, key: string | undefined): 'admitted' | undefined {
    const visits = inside.get(this.#request) ?? []
    if (visits.some((visit) => visit.limiter === limiter && visit.key === key && visit.holds))
      return 'admitted'
    this.limiter = limiter
    this.key = key
    visits.push(this)
    inside.set(this.#request, visits)
    return undefined
  }

  /** Touching a request's signal costs more than the limiter on some servers; only a wait does. */
  leaving(): AbortSignal {
    return this.#request.signal
  }

  /**
   * Ends the visit when the response is over. Returns a response to send in place of the given one,
   * the same unless it has a body that is not all there yet.
   */
  async until(response: Response): Promise<Response> {
    if (!this.holds) return response
    const { body, status } = response
    if (body === null || this.#request.method === 'HEAD' || status === 101 || status === 0) {
      this.end('success')
      return response
    }
    return new Response(await this.#watch(body), response)
  }

  async #watch(body: ReadableStream<Uint8Array>): Promise<ReadableStream<Uint8Array>> {
    const { signal } = this.#request
    const onAbort = (): void => over('ignored')
    const over = (outcome: 'success' | 'ignored'): void => {
      signal.removeEventListener('abort', onAbort)
      this.end(outcome)
    }
    const reader = body.getReader()
    const read = (): Promise<ReadResult> =>
      reader.read().then(
        (result) => {
          if (result.done) over('success')
          return result
        },
        (error) => {
          over('ignored')
          throw error
        },
      )
    signal.addEventListener('abort', onAbort)
    const ahead = await readAhead(read)
    return new ReadableStream(
      {
        async pull(controller) {
          const { done, value } = await (ahead.shift() ?? read())
          if (done) controller.close()
          else controller.enqueue(value)
        },
        cancel(reason) {
          over('ignored')
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
