import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { root } from '../packages/pack.ts'
import { snippetsOf } from './snippets.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const snippets = snippetsOf(readme)
const folder = join(root, 'test/.snippets')
const fileOf = ({ line }: { line: number }): string => join(folder, `line-${line}.ts`)

const tsconfig = join(folder, 'tsconfig.json')
const config = {
  extends: '../../tsconfig.json',
  compilerOptions: { noUnusedParameters: false },
  include: ['*.ts'],
  exclude: [],
}
/** tsx looks there for how decorators are meant. */
const env = { ...process.env, TSX_TSCONFIG_PATH: tsconfig }

beforeAll(() => {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  for (const snippet of snippets) writeFileSync(fileOf(snippet), snippet.code)
  writeFileSync(tsconfig, JSON.stringify(config))
})

afterAll(() => rmSync(folder, { recursive: true }))

describe('the README', () => {
  it('has TypeScript whose types are right', () => {
    execFileSync(join(root, 'node_modules/.bin/tsc'), ['-p', folder], { stdio: 'inherit' })
  })

  it('shows every kind of snippet', () => {
    expect(snippets.length).toBe((readme.match(/```ts\n/g) ?? []).length)
    expect(snippets.every(({ request, prints }) => request !== undefined || prints !== undefined)).toBe(true)
  })

  it.each(snippets.filter(({ request }) => request !== undefined))(
    'serves in line $line',
    async (snippet) => {
      const preload = join(root, 'test/readme/any-port.ts')
      const child = spawn(process.execPath, ['--import', 'tsx', '--import', preload, fileOf(snippet)], {
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

  it.each(snippets.filter(({ request }) => request === undefined))('prints in line $line', (snippet) => {
    const printed = execFileSync(process.execPath, ['--import', 'tsx', fileOf(snippet)], {
      cwd: root,
      env,
      encoding: 'utf8',
    })
    expect(printed).toBe(snippet.prints)
  })
})
