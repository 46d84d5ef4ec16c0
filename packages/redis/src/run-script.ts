import { createHash } from 'node:crypto'
import type { Script } from './port.ts'

export function scriptOf(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}

/** Runs a script by its SHA; by its text where the server does not know it, as after a restart. */
export async function runScript(send: (way: 'sha' | 'text') => Promise<unknown>): Promise<unknown> {
  try {
    return await send('sha')
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error
    return send('text')
  }
}
