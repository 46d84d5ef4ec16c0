import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const core = new URL('../../packages/core/', import.meta.url)
const files = readdirSync(new URL('src/', core), { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
)

const packageJson: Record<string, unknown> = JSON.parse(
  readFileSync(fileURLToPath(new URL('package.json', core)), 'utf8'),
)

test('the core depends on nothing', () => {
  for (const kind of ['dependencies', 'peerDependencies', 'optionalDependencies', 'bundleDependencies']) {
    expect(packageJson).not.toHaveProperty(kind)
  }
})

test('there are sources to look at', () => {
  expect(files).toContain('semaphore.ts')
  expect(files.length).toBeGreaterThan(10)
})

test.each(files)('%s imports nothing from outside the core, so it runs on any platform', (file) => {
  const url = new URL(`src/${file}`, core)
  const source = readFileSync(url, 'utf8')
  const imports = source.matchAll(/(?:\bfrom|\bimport|\brequire|\bimport\()\s*\(?['"]([^'"]+)['"]/g)
  for (const [, specifier = ''] of imports) {
    expect(specifier).toMatch(/^\.{1,2}\/.+\.ts$/)
    expect(new URL(specifier, url).pathname).toMatch(new RegExp(`^${new URL('src/', core).pathname}`))
  }
  expect(source).not.toMatch(/reference types=/)
})
