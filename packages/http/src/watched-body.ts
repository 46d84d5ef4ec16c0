/** A body on its way to the client. */
export interface WatchedBody {
  readonly stream: ReadableStream<Uint8Array>
  /** Ends it here: the reader gets the error, the source is cancelled. */
  cut(error: Error): void
}

type ReadResult = Awaited<ReturnType<ReadableStreamDefaultReader<Uint8Array>['read']>>

/** Calls back once the body was read to its end (`true`), or failed or was cancelled (`false`). */
export async function watchBody(
  body: ReadableStream<Uint8Array>,
  over: (complete: boolean) => void,
): Promise<WatchedBody> {
  const reader = body.getReader()
  const read = (): Promise<ReadResult> =>
    reader.read().then(
      (result) => {
        if (result.done) over(true)
        return result
      },
      (error) => {
        over(false)
        throw error
      },
    )
  const ahead = await readAhead(read)
  let cut!: (error: Error) => void
  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        cut = (error) => {
          controller.error(error)
          // Whatever the source says of its end, the reader is told ours.
          reader.cancel(error).catch(() => {})
        }
      },
      async pull(controller) {
        const { done, value } = await (ahead.shift() ?? read())
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel(reason) {
        over(false)
        return reader.cancel(reason)
      },
    },
    { highWaterMark: 0 },
  )
  return { stream, cut }
}

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
