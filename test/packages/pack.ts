import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))
export const packages: string[] = readdirSync(join(root, 'packages'))

/** Builds and packs every package as for publishing, and hands the tarballs to `use`, by package name. */
export async function withTarballs<T>(use: (tarballs: Map<string, string>) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'lineclear-pack-'))
  try {
    for (const name of packages) {
      execFileSync(join(root, 'node_modules/.bin/pnpm'), ['pack', '--pack-destination', folder], {
        cwd: join(root, 'packages', name),
      })
    }
    const files = readdirSync(folder)
    const tarball = (name: string): string =>
      join(folder, files.find((file) => file.startsWith(`lineclear-${name}-`)) ?? `no tarball of ${name}`)
    return await use(new Map(packages.map((name) => [name, tarball(name)])))
  } finally {
    rmSync(folder, { recursive: true })
  }
}
