import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { installed, type Runtime, runtimes } from '../conformance/runtimes.ts'

const runtime = runtimes.find(({ name }) => name === 'workerd') as Runtime
const { binary } = runtime

/** Whether this platform has the workerd that the tests run on. */
export const hasWorkerd: boolean = installed(runtime)
if (!hasWorkerd) console.warn(`Skipped: the tests on workerd need ${binary}`)

export interface WorkerdOptions {
  /** The Worker's source, relative to this folder. */
  entry: string
  /** Durable Object classes that it exports; each is bound under its own name. */
  objects?: string[]
  flags?: string[]
  compatibilityDate?: string
}

/** Two services `a` and `b`, that is two isolates, of one Worker, with its Durable Objects in memory. */
export class Workerd {
  /** The ports of both services. */
  readonly ports = { a: 0, b: 0 }
  readonly #folder = mkdtempSync(join(tmpdir(), 'lineclear-workerd-'))
  #child: ChildProcess | undefined
  #output = ''

  async start(options: WorkerdOptions): Promise<this> {
    await build({
      entryPoints: [fileURLToPath(new URL(options.entry, import.meta.url))],
      outfile: join(this.#folder, 'worker.js'),
      bundle: true,
      format: 'esm',
      conditions: ['workerd'],
      external: ['cloudflare:*', 'node:*'],
      logLevel: 'warning',
    })
    writeFileSync(join(this.#folder, 'config.capnp'), config(options))
    const child = spawn(binary, ['serve', '--verbose', '--control-fd=3', 'config.capnp'], {
      cwd: this.#folder,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (data) => {
        this.#output += data
      })
    }
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`workerd did not start: ${this.#output}`)))
      let events = ''
      const control = child.stdio[3] as Readable
      control.on('data', (data) => {
        events += data
        for (const [, socket, port] of events.matchAll(/"socket":"([ab])","port":(\d+)/g)) {
          this.ports[socket as 'a' | 'b'] = Number(port)
        }
        if (this.ports.a > 0 && this.ports.b > 0) resolve()
      })
    })
    return this
  }

  /** What it and its Workers complained of. */
  complaints(): string[] {
    return this.#output.split('\n').filter((line) => /error|exception|reject|dispose|cannot/i.test(line))
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (child !== undefined && child.exitCode === null) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    rmSync(this.#folder, { recursive: true })
  }
}

function config({ objects = [], flags = [], compatibilityDate = '2026-11-01' }: WorkerdOptions): string {
  const bindings = objects.map(
    (name) => `(name = "${name}", durableObjectNamespace = (className = "${name}", serviceName = "a"))`,
  )
  const namespaces = objects.map((name) => `(className = "${name}", uniqueKey = "${name}")`)
  const worker = (namespaces: string[]): string => `(
    modules = [(name = "worker.js", esModule = embed "worker.js")],
    compatibilityDate = "${compatibilityDate}",
    compatibilityFlags = [${flags.map((flag) => `"${flag}"`).join(', ')}],
    bindings = [${bindings.join(', ')}],
    durableObjectNamespaces = [${namespaces.join(', ')}],
    durableObjectStorage = (inMemory = void))`
  return `@0xa1b2c3d4e5f60718;
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "a", worker = .a), (name = "b", worker = .b)],
  sockets = [
    (name = "a", address = "127.0.0.1:0", http = (), service = "a"),
    (name = "b", address = "127.0.0.1:0", http = (), service = "b")]);
const a :Workerd.Worker = ${worker(namespaces)};
const b :Workerd.Worker = ${worker([])};
`
}
