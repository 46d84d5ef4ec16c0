import type { Rejection } from '@lineclear/http'
import { StreamableFile } from '@nestjs/common'

/**
 * The problem details of a refusal, for exception filters to look at, spread, or send on. A file, since
 * that is what Nest sends as it is: to an object it gives a content type of its own.
 */
export class Problem extends StreamableFile {
  declare readonly detail: string

  constructor({ body, type }: Rejection) {
    super(Buffer.from(body), { type })
    for (const name of Object.keys(this)) Object.defineProperty(this, name, { enumerable: false })
    Object.assign(this, JSON.parse(body))
  }
}
