import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'esbuild'
import { runTarget } from './runner.ts'
import { runtimes } from './runtimes.ts'
import { scenarios } from './scenarios/index.ts'
import { targets } from './targets.ts'

/** A line of the source that is there for one reason, and the cell that turns red without it. */
export interface Guard {
  /** Under `packages`. */
  file: string
  /** Occurs once. */
  text: string
  becomes: string
  /** What it sees to. */
  purpose: string
  runtime: string
  /** The column: a target, with its transport. */
  target: string
  scenario: string
}

export const guards: Guard[] = [
  {
    file: 'http/src/node.ts',
    text: "if (isOver(this.#request, host)) return 'gone'",
    becomes: '',
    purpose: 'who left in an earlier middleware asks for no permit',
    runtime: 'node20',
    target: 'express5',
    scenario: 'The client leaves: in an earlier middleware (RST)',
  },
  {
    file: 'http/src/node.ts',
    text: 'request.socket?.destroyed ||',
    becomes: '',
    purpose: 'an HTTP/2 response, which does not say that it is destroyed, is over with its stream',
    runtime: 'node20',
    target: 'koa3 h2c',
    scenario: 'The client leaves: in an earlier middleware (FIN)',
  },
  {
    file: 'http/src/node.ts',
    text: 'host.writableEnded ||',
    becomes: '',
    purpose: 'who has been answered asks for no permit',
    runtime: 'node20',
    target: 'express5',
    scenario: 'Express: answers in an earlier middleware, and passes the request on at once',
  },
  {
    file: 'http/src/node.ts',
    text: "host.on('close', onOver)",
    becomes: '',
    purpose: 'a response ends with its connection, though it never finished',
    runtime: 'node20',
    target: 'koa3',
    scenario: 'The client leaves: while the handler works, which never answers (RST)',
  },
  {
    file: 'http/src/node.ts',
    text: 'if (waits) this.#leaving?.abort(LEFT)',
    becomes: '',
    purpose: 'who leaves while it waits leaves the queue',
    runtime: 'node20',
    target: 'express5',
    scenario: 'The client leaves: while it waits, and frees its place in the queue (RST)',
  },
  {
    file: 'http/src/node.ts',
    text: "if (visit.limiter === limiter && visit.key === key && visit.holds) return 'admitted'",
    becomes: '',
    purpose: 'the same limiter counts a request once',
    runtime: 'node20',
    target: 'express5',
    scenario: 'The request waits: before a nested router with the same limit, which counts once',
  },
  {
    file: 'http/src/node.ts',
    text: 'if (connection.watched) return',
    becomes: '',
    purpose: 'a connection gets one listener, however many requests it pipelines',
    runtime: 'node20',
    target: 'express5',
    scenario: 'Requests are pipelined: thirty at once, without a warning',
  },
  {
    file: 'http/src/web.ts',
    text: "if (signal.aborted) return 'gone'",
    becomes: '',
    purpose: 'who left in an earlier middleware asks for no permit',
    runtime: 'bun',
    target: 'hono',
    scenario: 'The client leaves: in an earlier middleware (RST)',
  },
  {
    file: 'http/src/web.ts',
    text: "signal.addEventListener('abort', this.#onAbort)",
    becomes: '',
    purpose: 'a handler that works for a client that left keeps no permit',
    runtime: 'bun',
    target: 'hono',
    scenario: 'The client leaves: while the handler works, which never answers (RST)',
  },
  {
    file: 'http/src/web.ts',
    text: "this.#request.method === 'HEAD' ||",
    becomes: '',
    purpose: "a HEAD response's body, which is dropped unread, keeps no permit",
    runtime: 'bun',
    target: 'hono',
    scenario: 'The handler answers: HEAD of a stream',
  },
  {
    file: 'http/src/web.ts',
    text: "if (result.done) this.end('success')",
    becomes: '',
    purpose: 'a response is over when its body has been read',
    runtime: 'bun',
    target: 'hono',
    scenario: 'The handler answers: JSON',
  },
  {
    file: 'http/src/web.ts',
    text: "          this.end('ignored')\n          throw error",
    becomes: '          throw error',
    purpose: 'a body that fails is over',
    runtime: 'bun',
    target: 'hono',
    scenario: 'The server fails: for a body fails in the middle',
  },
  {
    file: 'http/src/web.ts',
    text: "    visit.end('ignored')\n    throw error",
    becomes: '    throw error',
    purpose: 'a handler whose error nobody turns into a response keeps no permit',
    runtime: 'bun',
    target: 'hono',
    scenario: 'Hono: throws what is no Error',
  },
]

const packages = fileURLToPath(new URL('../../packages/', import.meta.url))

/** Changes the source as it is bundled; the files stay as they are. */
function without({ file, text, becomes }: Guard): Plugin {
  return {
    name: `without ${text}`,
    setup(build) {
      build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (path !== `${packages}${file}`) return undefined
        const parts = (await readFile(path, 'utf8')).split(text)
        if (parts.length !== 2) throw new Error(`occurs ${parts.length - 1} times in ${file}: ${text}`)
        return { contents: parts.join(becomes), loader: 'ts' }
      })
    },
  }
}

const PATIENCE = 500

/** Plays a guard's cell without it, and returns how it failed; undefined if it did not. */
export async function tryWithout(guard: Guard): Promise<string | undefined> {
  const runtime = named(runtimes, guard.runtime)
  const target = named(targets, guard.target.split(' ')[0] as string)
  const played = [named(scenarios, guard.scenario)]
  const options = { plugins: [without(guard)], patience: PATIENCE, only: guard.target }
  const [column] = await runTarget(runtime, target, played, options)
  const cell = column?.cells.get(guard.scenario)
  return cell?.result === 'failed' ? cell.error : undefined
}

function named<T extends { name: string }>(list: T[], name: string): T {
  const found = list.find((each) => each.name === name)
  if (found === undefined) throw new Error(`There is no ${name}`)
  return found
}

/** The guards and the cells that turn red without them. */
export function guardsTable(): string {
  const rows = guards.map(
    ({ file, text, purpose, runtime, target, scenario }) =>
      `| \`${file}\` | \`${text.trim().split('\n')[0]?.replaceAll('|', '\\|')}\` | ${purpose} | ${scenario} (${runtime}, ${target}) |`,
  )
  return ['| In | Without | It sees to it that | Red is |', '| --- | --- | --- | --- |', ...rows].join('\n')
}
