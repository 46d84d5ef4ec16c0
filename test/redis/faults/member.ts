import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Guarded } from '../guarded.ts'
import { type Log, now, readLog } from './observer.ts'
import type { Order, Plan } from './plan.ts'

/** A process of the crowd, as its parent sees it. It cannot outlive the parent. */
export class Member {
  readonly name: string
  readonly plan: Plan
  readonly #guarded: Guarded
  readonly #directory: string
  #killedAt: number | undefined
  #hasLeft = false

  static async start(name: string, plan: Omit<Plan, 'log'>): Promise<Member> {
    const directory = await mkdtemp(join(tmpdir(), 'lineclear-member-'))
    const log = join(directory, 'log')
    writeFileSync(log, '')
    const full = { ...plan, log }
    const command = [process.execPath, await program(), JSON.stringify(full)]
    const guarded = await Guarded.start(
      directory,
      command,
      (line) => console.error(`${name}: ${line}`),
      () => {},
    )
    return new Member(name, full, guarded, directory)
  }

  private constructor(name: string, plan: Plan, guarded: Guarded, directory: string) {
    this.name = name
    this.plan = plan
    this.#guarded = guarded
    this.#directory = directory
  }

  get isKilled(): boolean {
    return this.#killedAt !== undefined
  }

  get hasLeft(): boolean {
    return this.#hasLeft
  }

  /** What it has written so far. */
  get log(): Log {
    return readLog(this.name, readFileSync(this.plan.log, 'utf8'), this.#killedAt)
  }

  /** SIGKILL. Returns when that was. */
  kill(): number {
    this.#guarded.signal('SIGKILL')
    this.#killedAt = now()
    return this.#killedAt
  }

  /** SIGSTOP. Returns when that was. */
  pause(): number {
    this.#guarded.signal('SIGSTOP')
    return now()
  }

  /** SIGCONT. Returns when that was. */
  resume(): number {
    const at = now()
    this.#guarded.signal('SIGCONT')
    return at
  }

  order(order: Order): void {
    this.#guarded.send(order)
  }

  /** Its contenders stop, its limiter is closed, and it ends; resolves then. */
  async leave(): Promise<void> {
    this.order({ kind: 'leave' })
    this.#hasLeft = true
    await this.#guarded.ended
  }

  async close(): Promise<void> {
    await this.#guarded.kill('remove')
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

let built: Promise<string> | undefined

/** The worker with all that it imports in one file, since sixteen of it start at once. */
function program(): Promise<string> {
  built ??= buildProgram()
  return built
}

async function buildProgram(): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'lineclear-worker-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  const outfile = join(directory, 'worker.mjs')
  const here = fileURLToPath(new URL('.', import.meta.url))
  await build({
    entryPoints: [join(here, 'worker.ts')],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    logLevel: 'error',
    // What of CommonJS is bundled still calls it.
    banner: {
      js: `import { createRequire as toRequire } from 'node:module'; const require = toRequire('file://${here}');`,
    },
  })
  return outfile
}
