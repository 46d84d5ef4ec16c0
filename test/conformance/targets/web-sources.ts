import type { Stage } from '../stage/stage.ts'

const begun = new TextEncoder().encode('begun')
const done = new TextEncoder().encode('done')

/** Begins, and fails when the gate opens. */
export function failing(stage: Stage, gate: string): ReadableStream<Uint8Array> {
  return begins(async (controller) => {
    await stage.passed(gate)
    controller.error(new Error('broken source'))
  })
}

/** Begins, and ends when the gate opens. */
export function gated(stage: Stage, gate: string): ReadableStream<Uint8Array> {
  return begins(async (controller) => {
    await stage.passed(gate)
    controller.enqueue(done)
    controller.close()
  })
}

function begins(
  then: (controller: ReadableStreamDefaultController<Uint8Array>) => Promise<void>,
): ReadableStream<Uint8Array> {
  let first = true
  return new ReadableStream({
    pull(controller) {
      if (first) controller.enqueue(begun)
      else return then(controller)
      first = false
      return undefined
    },
  })
}

const chunk = new Uint8Array(1 << 18)

/** More than anybody reads, as fast as it is read. */
export function flood(stage: Stage): ReadableStream<Uint8Array> {
  // The pause lets other requests run where the stream is read within the runtime.
  return new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve))
      stage.pulled++
      controller.enqueue(chunk.slice())
    },
  })
}

/** More than the kernel's buffers hold. */
export const large: Uint8Array<ArrayBuffer> = new Uint8Array(16 << 20)
