import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../packages/pack.ts'
import { snippetsOf } from './snippets.ts'

/** The READMEs, and what the snippets of each take for granted. */
const readmes: Record<string, string[]> = {
  'README.md': [],
  'packages/core/README.md': ['declare function work(): Promise<string>'],
  'packages/durable-object/README.md': [
    '/// <reference path="../../packages/durable-object/src/cloudflare-workers.d.ts" />',
    "import { Hono } from 'hono'",
    "import type { durableLimiter as make } from '@lineclear/durable-object'",
    'type Find = (name: string) => ReturnType<Parameters<typeof make>[0]>',
    "declare module 'cloudflare:workers' { export var env: { RENDER_LIMITER: { getByName: Find } } }",
    'export const app = new Hono()',
    'export declare function render(request: Request): Promise<unknown>',
  ],
  'packages/express/README.md': ["import express from 'express'", 'const app = express()'],
  'packages/fastify/README.md': [
    "import fastify from 'fastify'",
    "const [app, handler] = [fastify(), async (): Promise<string> => 'done']",
  ],
  'packages/fetch/README.md': [],
  'packages/hono/README.md': ["import { Hono } from 'hono'", 'const app = new Hono()'],
  'packages/http/README.md': [],
  'packages/koa/README.md': ["import Koa from 'koa'", 'const app = new Koa()'],
  'packages/nest/README.md': [
    "import { Controller, Get, type INestApplication } from '@nestjs/common'",
    'declare const app: INestApplication',
  ],
  'packages/node/README.md': [
    "import type { RequestListener } from 'node:http'",
    'declare const listener: RequestListener',
    'declare const app: { use(middleware: typeof limited): void }',
  ],
  'packages/redis/README.md': [
    "import express from 'express'",
    'export const app = express()',
    'type Terms = { signal: AbortSignal; fence: number | undefined }',
    'export declare function write(file: string, terms: Terms): Promise<void>',
  ],
  'packages/simulator/README.md': [],
}

const folder = join(root, 'test/.snippets')
const textOf = (readme: string): string => readFileSync(join(root, readme), 'utf8')
const snippets = Object.entries(readmes).flatMap(([readme, granted]) =>
  snippetsOf(textOf(readme)).map((snippet) => ({
    ...snippet,
    readme,
    code: [...granted, snippet.code].join('\n'),
    file: join(folder, `${readme.replaceAll('/', '-')}-${snippet.line}.ts`),
  })),
)

const tsconfig = join(folder, 'tsconfig.json')
const config = {
  extends: '../../tsconfig.json',
  compilerOptions: { noUnusedParameters: false },
  include: ['*.ts'],
  exclude: [],
}
const env = {
  ...process.env,
  // tsx looks there for how decorators are meant.
  TSX_TSCONFIG_PATH: tsconfig,
  // Nothing listens there, so that what a machine happens to run changes nothing: the limit is degraded.
  REDIS_URL: 'redis://127.0.0.1:1',
}

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const snippet of snippets) writeFileSync(snippet.file, snippet.code)
  writeFileSync(tsconfig, JSON.stringify(config))
})

afterAll(() => rmSync(folder, { recursive: true }))

describe('every README', () => {
  it('has its snippets tried here', () => {
    const found = readdirSync(join(root, 'packages'))
      .map((name) => `packages/${name}/README.md`)
      .filter((readme) => existsSync(join(root, readme)))
    expect(Object.keys(readmes).sort()).toEqual(['README.md', ...found].sort())
  })

  it('has TypeScript whose types are right', () => {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { stdio: 'inherit' })
  })

  it.each(Object.keys(readmes))('has no snippet that is missed: %s', (readme) => {
    const found = snippets.filter((snippet) => snippet.readme === readme)
    expect(found).toHaveLength((textOf(readme).match(/```ts\n/g) ?? []).length)
  })

  it('says in the main one what comes of each', () => {
    const silent = snippets.filter(({ request, prints }) => request === undefined && prints === undefined)
    expect(silent.filter(({ readme }) => readme === 'README.md')).toEqual([])
  })

  it.each(snippets.filter(({ request }) => request !== undefined))(
    'serves: $readme, line $line',
    async (snippet) => {
      const preload = join(root, 'test/readme/any-port.ts')
      const child = spawn(process.execPath, ['--import', 'tsx', '--import', preload, snippet.file], {
        cwd: root,
        env,
      })
      const ended = once(child, 'exit')
      const errors: string[] = []
      child.stderr.on('data', (data) => errors.push(String(data)))
      const [line] = (await Promise.race([once(createInterface(child.stdout), 'line'), ended])) as [string]
      expect(line, errors.join('')).toMatch(/^port \d+$/)
      const response = await fetch(`http://localhost:${line.slice(5)}${snippet.request?.path}`)
      expect(response.status).toBe(snippet.request?.status)
      child.kill('SIGKILL')
      await ended
    },
  )

  it.each(snippets.filter(({ prints }) => prints !== undefined))('prints: $readme, line $line', (snippet) => {
    const printed = execFileSync(process.execPath, ['--import', 'tsx', snippet.file], {
      cwd: root,
      env,
      encoding: 'utf8',
    })
    expect(printed).toBe(snippet.prints)
  })
})
