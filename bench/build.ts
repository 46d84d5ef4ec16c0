import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/**
 * Builds the packages as they are published, and the benchmarks against them, in a folder of its own:
 *
 *     <temporary>/node_modules -> bench/node_modules    the peers
 *     <temporary>/bench/*.js, redis/*.js
 *     <temporary>/bench/node_modules/@lineclear/*       ours, found first
 */
export function build(): { folder: string; remove: () => void } {
  const temporary = mkdtempSync(join(tmpdir(), 'lineclear-bench-'))
  const folder = join(temporary, 'bench')
  symlinkSync(join(ROOT, 'bench/node_modules'), join(temporary, 'node_modules'))
  for (const name of readdirSync(join(ROOT, 'packages'))) {
    buildPackage(join(ROOT, 'packages', name), join(folder, 'node_modules/@lineclear', name))
  }
  buildBench(join(ROOT, 'bench'), folder)
  return { folder, remove: () => rmSync(temporary, { recursive: true }) }
}

function buildPackage(source: string, target: string): void {
  const { publishConfig, ...manifest } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'))
  mkdirSync(target, { recursive: true })
  writeFileSync(join(target, 'package.json'), JSON.stringify({ ...manifest, ...publishConfig }))
  tsc('-p', source, '--outDir', join(target, 'dist'))
}

/** Strips the types, no more: `pnpm check` is where they are checked. */
function buildBench(source: string, target: string): void {
  const folders = ['.', 'redis']
  const files = folders.flatMap((folder) =>
    readdirSync(join(source, folder))
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(source, folder, file)),
  )
  writeFileSync(join(target, 'package.json'), readFileSync(join(source, 'package.json')))
  const options = ['--noCheck', '--noResolve', '--verbatimModuleSyntax', '--rewriteRelativeImportExtensions']
  const modern = ['--target', 'es2022', '--module', 'nodenext']
  tsc('--ignoreConfig', ...options, ...modern, '--outDir', target, ...files)
}

function tsc(...args: string[]): void {
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), args, { cwd: ROOT, stdio: 'inherit' })
}
