import { fileURLToPath } from 'node:url'
import type { Plugin } from 'esbuild'

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))
const adapter = path('../../packages/nest/src/')

/** `@lineclear/nest?nest11` is our sources with the Nest of test/frameworks/nest11; vitest.config.ts has the same. */
export const onNest11: Plugin = {
  name: 'on-nest11',
  setup(build) {
    // One bundle has one Nest.
    let wanted = false
    build.onResolve({ filter: /^@lineclear\/nest\?nest11$/ }, () => {
      wanted = true
      return { path: `${adapter}index.ts` }
    })
    build.onResolve({ filter: /^@nestjs\/common$/ }, ({ kind, importer, pluginData }) => {
      if (!wanted || pluginData === 'resolved' || !importer.startsWith(adapter)) return undefined
      const resolveDir = path('../frameworks/nest11')
      return build.resolve('@nestjs/common', { kind, resolveDir, pluginData: 'resolved' })
    })
  },
}
