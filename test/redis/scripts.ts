import { createHash } from 'node:crypto'
import type { Script } from '@lineclear/redis'

export function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
