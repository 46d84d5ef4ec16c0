// Part of `pnpm check`: publint and "are the types wrong" on each package as it would be published.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root, withTarballs } from './pack.ts'

await withTarballs((tarballs) => {
  for (const [name, tarball] of tarballs) {
    for (const [tool, ...args] of [
      ['publint', '--strict', tarball],
      ['attw', '--profile', 'esm-only', '--quiet', tarball],
    ] as const) {
      const { status } = spawnSync(join(root, 'node_modules/.bin', tool), args, { stdio: 'inherit' })
      if (status !== 0) {
        console.error(`${tool} finds fault with @lineclear/${name}`)
        process.exitCode = 1
      }
    }
  }
})
