import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import type { Stage } from '../stage/stage.ts'

/** Begins, and fails when the gate opens. */
export function failing(stage: Stage, gate: string): Readable {
  const source = new Readable({ read() {} })
  source.push('begun')
  stage.passed(gate).then(() => source.destroy(new Error('broken source')))
  return source
}

/** Begins, and ends when the gate opens. */
export function gated(stage: Stage, gate: string): Readable {
  const source = new Readable({ read() {} })
  source.push('begun')
  stage.passed(gate).then(() => {
    source.push('done')
    source.push(null)
  })
  return source
}

const chunk = Buffer.alloc(1 << 18)

/** More than anybody reads, as fast as it is read. */
export function flood(stage: Stage): Readable {
  return new Readable({
    read() {
      stage.pulled++
      this.push(chunk)
    },
  })
}

/** More than the kernel's buffers hold. */
export const large: Buffer = Buffer.alloc(16 << 20)

/** HTTP/2's responses cannot be destroyed, but their streams can. */
export function destroyResponse(response: ServerResponse): void {
  const { stream } = response as { stream?: ServerResponse }
  ;(stream ?? response).destroy()
}
