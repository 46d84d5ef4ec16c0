import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { onNest11 } from './on-nest11.ts'
import type { Host } from './runtimes.ts'

const here = fileURLToPath(new URL('.', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'lineclear-conformance-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

let count = 0

// Nest takes these if they are there.
const optional = [
  '@fastify/multipart',
  '@fastify/static',
  '@fastify/view',
  '@nestjs/microservices',
  '@nestjs/websockets',
  'class-transformer',
  'class-validator',
]

/** Makes one file of a target's program and its host, and returns the file's path. */
export async function bundle(program: string, host: Host, plugins: Plugin[] = []): Promise<string> {
  const file = join(folder, `${program}-${++count}.mjs`)
  const start = host === 'workerd' ? 'export default serve(target)' : 'await serve(target)'
  await build({
    stdin: {
      contents: `import target from './targets/${program}.ts'; import { serve } from './hosts/${host}.ts'; ${start}`,
      resolveDir: here,
    },
    outfile: file,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'error',
    plugins: [onNest11, ...plugins],
    ...(host === 'node'
      ? {
          platform: 'node' as const,
          external: optional,
          // What of CommonJS is bundled still calls it.
          banner: {
            js: `import { createRequire as toRequire } from 'node:module'; const require = toRequire('file://${here}');`,
          },
        }
      : {
          platform: 'neutral' as const,
          conditions: [host, 'worker'],
          mainFields: ['module', 'main'],
          external: ['node:*'],
        }),
  })
  return file
}
