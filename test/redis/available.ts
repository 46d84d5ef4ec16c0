import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, test } from 'vitest'

/** A kind of server, and the name of its program. */
export type Kind = 'redis' | 'valkey'

/** Where `.ci/run` unpacks what Debian does not have. */
const UNPACKED = fileURLToPath(new URL('../../.cache/valkey/usr/bin', import.meta.url))

/** The path of a kind's server, or undefined if this machine has none. */
export function programOf(kind: Kind): string | undefined {
  const program = `${kind}-server`
  for (const directory of [...(process.env.PATH ?? '').split(delimiter), UNPACKED]) {
    const path = join(directory, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not there: the next.
    }
  }
  return undefined
}

/**
 * Suites that need a real server, one for each kind wanted. Where there is none they are skipped, and the
 * report says why; with LINECLEAR_REQUIRE_REDIS=1 they fail instead.
 */
export function describeWithServers(title: string, kinds: readonly Kind[], body: (kind: Kind) => void): void {
  for (const kind of kinds) {
    const name = kinds.length > 1 ? `${title}, on ${kind}` : title
    if (programOf(kind) !== undefined) {
      describe(name, () => body(kind))
      continue
    }
    const hint = kind === 'valkey' ? ' (on Debian, .ci/valkey unpacks one)' : ''
    const why = `there is no ${kind}-server on PATH${hint}`
    if (process.env.LINECLEAR_REQUIRE_REDIS === '1') {
      test(name, () => {
        throw new Error(`${why}, and LINECLEAR_REQUIRE_REDIS=1`)
      })
    } else {
      console.warn(`Skipped: ${name}: ${why}.`)
      describe.skip(`${name} (skipped: ${why})`, () => body(kind))
    }
  }
}

/** The same on Redis alone. */
export function describeWithRedis(title: string, body: () => void): void {
  describeWithServers(title, ['redis'], body)
}
