import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vitest/config'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** `@lineclear/nest?nest11` is the same sources once more, with the Nest that test/frameworks/nest11 has. */
const onNest11: Plugin = {
  name: 'on-nest11',
  enforce: 'pre',
  resolveId(source, importer) {
    if (source === '@lineclear/nest?nest11') return `${path('packages/nest/src/index.ts')}?nest11`
    if (!importer?.endsWith('?nest11')) return undefined
    if (source.startsWith('./')) return `${path(`packages/nest/src/${source}`)}?nest11`
    if (source === '@nestjs/common') return this.resolve(source, path('test/frameworks/nest11/index.ts'))
    return undefined
  },
}

export default defineConfig({
  plugins: [onNest11],
  test: {
    include: ['test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 120_000,
  },
})
