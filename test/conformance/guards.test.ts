import { describe, expect, it } from 'vitest'
import { guards, tryWithout } from './guards.ts'
import { installed, runtimes } from './runtimes.ts'

describe('a guard in the source', () => {
  for (const guard of guards) {
    const runtime = runtimes.find(({ name }) => name === guard.runtime)
    it.skipIf(runtime === undefined || !installed(runtime))(
      `sees to it that ${guard.purpose} (${guard.file}: ${guard.text.trim().split('\n')[0]})`,
      async () => {
        expect(await tryWithout(guard)).toBeDefined()
      },
    )
  }
})
