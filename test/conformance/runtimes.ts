import { existsSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const modules = fileURLToPath(new URL('../runtimes/node_modules', import.meta.url))

export type Host = 'node' | 'bun' | 'deno' | 'workerd'

export interface Runtime {
  name: string
  /** Which of `hosts` serves on it. */
  host: Host
  binary: string
  start(program: string): { command: string; args: string[] }
  /** Where it says which ports it listens on. */
  speaksOn: 'stdout' | 'control-fd'
  portsOf(line: string): { control?: number; port?: number }
}

const speaks = {
  speaksOn: 'stdout',
  portsOf: (line: string): { control: number } => JSON.parse(line),
} as const

function node(major: number): Runtime {
  const binary = join(modules, `node${major}/bin/node`)
  return {
    name: `node${major}`,
    host: 'node',
    binary,
    start: (program) => ({ command: binary, args: [program] }),
    ...speaks,
  }
}

const bun = join(modules, '@oven/bun-linux-x64/bin/bun')
const deno = join(modules, '@deno/linux-x64-glibc/deno')
const workerd = join(modules, '@cloudflare/workerd-linux-64/bin/workerd')

export const runtimes: Runtime[] = [
  node(20),
  node(22),
  node(24),
  node(26),
  {
    name: 'bun',
    host: 'bun',
    binary: bun,
    start: (program) => ({ command: bun, args: [program] }),
    ...speaks,
  },
  {
    name: 'deno',
    host: 'deno',
    binary: deno,
    start: (program) => ({ command: deno, args: ['run', '--allow-all', '--no-config', program] }),
    ...speaks,
  },
  {
    name: 'workerd',
    host: 'workerd',
    binary: workerd,
    start: (program) => ({ command: workerd, args: ['serve', '--control-fd=3', workerConfig(program)] }),
    speaksOn: 'control-fd',
    portsOf: (line) => {
      const { socket, port } = JSON.parse(line)
      return socket === undefined ? {} : { [socket]: port }
    },
  },
]

/** Whether its binary is there; they are installed where they run, on Linux. */
export function installed(runtime: Runtime): boolean {
  return existsSync(runtime.binary)
}

function workerConfig(program: string): string {
  const file = join(dirname(program), `${basename(program, '.mjs')}.capnp`)
  writeFileSync(
    file,
    `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [
    (name = "port", address = "127.0.0.1:0", http = (), service = "main"),
    (name = "control", address = "127.0.0.1:0", http = (), service = "main"),
  ],
);
const worker :Workerd.Worker = (
  modules = [(name = "main", esModule = embed "${basename(program)}")],
  compatibilityDate = "2026-01-01",
  compatibilityFlags = ["enable_request_signal"],
);
`,
  )
  return file
}
