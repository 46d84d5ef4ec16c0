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
  /** How long to wait for what must happen, in ms. Default 500. */
  patience?: number
}

export const guards: Guard[] = [
  {
    file: 'http/src/node-visit.ts',
    text: "if (isOver(this.#request, host)) return 'gone'",
    becomes: '',
    purpose: 'who left in an earlier middleware asks for no permit',
    runtime: 'node20',
    target: 'express5',
    scenario: 'The client leaves: in an earlier middleware (RST)',
  },
  {
    file: 'http/src/connection.ts',
    text: 'request.socket?.destroyed ||',
    becomes: '',
    purpose: 'an HTTP/2 response, which does not say that it is destroyed, is over with its stream',
    runtime: 'node20',
    target: 'koa3 h2c',
    scenario: 'The client leaves: in an earlier middleware (FIN)',
  },
  {
    file: 'http/src/connection.ts',
    text: 'host.writableEnded ||',
    becomes: '',
    purpose: 'who has been answered asks for no permit',
    runtime: 'node20',
    target: 'express5',
    scenario: 'Express: answers in an earlier middleware, and passes the request on at once',
  },
  {
    file: 'http/src/connection.ts',
    text: "closing.on('close', onOver)",
    becomes: '',
    purpose: 'a response ends with its connection, though it never finished',
    runtime: 'node20',
    target: 'koa3',
    scenario: 'The client leaves: while the handler works, which never answers (RST)',
  },
  {
    file: 'http/src/node-visit.ts',
    text: 'if (waits) this.#leaving?.abort(LEFT)',
    becomes: '',
    purpose: 'who leaves while it waits leaves the queue',
    runtime: 'node20',
    target: 'express5',
    scenario: 'The client leaves: while it waits, and frees its place in the queue (RST)',
  },
  {
    file: 'http/src/node-visit.ts',
    text: "if (guest.limiter === limiter && guest.key === key && guest.holds) return 'admitted'",
    becomes: '',
    purpose: 'the same limiter counts a request once',
    runtime: 'node20',
    target: 'express5',
    scenario: 'The request waits: before a nested router with the same limit, which counts once',
  },
  {
    file: 'http/src/connection.ts',
    text: 'if (connection.watched) return',
    becomes: '',
    purpose: 'a connection gets one listener, however many requests it pipelines',
    runtime: 'node20',
    target: 'express5',
    scenario: 'Requests are pipelined: thirty at once, without a warning',
  },
  {
    file: 'http/src/connection.ts',
    text: 'const closing = streamOf(host) ?? host',
    becomes: 'const closing = host',
    purpose: 'an HTTP/2 response to HEAD, which emits nothing when its client leaves, ends with its stream',
    runtime: 'node20',
    target: 'koa3 h2c',
    scenario: 'The client leaves: while the handler of a HEAD request works, which never answers (FIN)',
  },
  {
    file: 'http/src/node-visit.ts',
    text: 'if (!isBehind(this.#request, this.host)) return undefined',
    becomes: 'if (this.host) return undefined',
    purpose: 'a pipelined request asks for no permit before its response is next',
    runtime: 'node20',
    target: 'express5',
    scenario: 'Requests are pipelined: and the second overtakes the first in an earlier middleware',
  },
  {
    file: 'http/src/node-visit.ts',
    text: "this.host.on('socket', resolve)",
    becomes: '',
    purpose: 'a pipelined request goes on when its response is next',
    runtime: 'node20',
    target: 'express5',
    scenario: 'Requests are pipelined: one after the other, each a permit in its turn',
  },
  {
    file: 'http/src/admission.ts',
    text: "if (visit.gone) return 'gone'\n    return inTime",
    becomes: 'return inTime',
    purpose: 'a pipelined request whose client left while others were before it does not run',
    runtime: 'node20',
    target: 'express5',
    scenario: 'Requests are pipelined: and the client leaves before the first is answered',
  },
  {
    file: 'http/src/admission.ts',
    text: "return visit.gone ? 'gone' : 'admitted'",
    becomes: "return visit.over ? 'gone' : 'admitted'",
    purpose: 'who waits is not let in by who is closed in the same moment',
    runtime: 'node20',
    target: 'express5',
    scenario: "A Node server's own means: closeAllConnections() frees those inside and those who wait",
  },
  {
    file: 'http/src/visit.ts',
    text: 'maxHold === Infinity || !this.holds',
    becomes: 'this.holds',
    purpose: 'a permit that is held too long is taken back',
    runtime: 'node20',
    target: 'express5',
    scenario:
      'The permit is held too long, or shorter: by a client that stops reading and stays, with maxHold',
  },
  {
    file: 'http/src/visit.ts',
    text: 'if (!this.#responds && this.#keepers === 0) this.release(this.#outcome)',
    becomes: 'if (!this.#responds) this.release(this.#outcome)',
    purpose: '`settled` waits for the handler, though the client has left',
    runtime: 'node20',
    target: 'koa3',
    scenario:
      "The permit is held too long, or shorter: until the handler is done, with releaseOn: 'settled', though its client has left",
  },
  {
    file: 'http/src/web-visit.ts',
    text: "if (this.left()) return 'gone'",
    becomes: '',
    purpose: 'who left in an earlier middleware asks for no permit',
    runtime: 'bun',
    target: 'hono',
    scenario: 'The client leaves: in an earlier middleware (RST)',
  },
  {
    file: 'http/src/web-visit.ts',
    text: "this.request.signal.addEventListener('abort', this.onAbort)",
    becomes: '',
    purpose: 'a handler that works for a client that left keeps no permit',
    runtime: 'bun',
    target: 'hono',
    scenario: 'The client leaves: while the handler works, which never answers (RST)',
  },
  {
    file: 'http/src/web-visit.ts',
    text: "this.request.method === 'HEAD' ||",
    becomes: '',
    purpose: "a HEAD response's body, which is dropped unread, keeps no permit",
    runtime: 'bun',
    target: 'hono',
    scenario: 'The handler answers: HEAD of a stream',
  },
  {
    file: 'http/src/watched-body.ts',
    text: 'if (result.done) over(true)',
    becomes: '',
    purpose: 'a response is over when its body has been read',
    runtime: 'bun',
    target: 'hono',
    scenario: 'The handler answers: JSON',
  },
  {
    file: 'http/src/watched-body.ts',
    text: '        over(false)\n        throw error',
    becomes: '        throw error',
    purpose: 'a body that fails is over',
    runtime: 'bun',
    target: 'hono',
    scenario: 'The server fails: for a body fails in the middle',
  },
  {
    file: 'http/src/through-web.ts',
    text: "    visit.end('ignored')\n    throw error",
    becomes: '    throw error',
    purpose: 'a handler whose error nobody turns into a response keeps no permit',
    runtime: 'bun',
    target: 'hono',
    scenario: 'Hono: throws what is no Error',
  },
  {
    file: 'http/src/deno-visit.ts',
    text: 'this.#info.completed.then(complete, () => super.clientLeft())',
    becomes: '',
    purpose: 'on Deno, a response is over when the server says so',
    runtime: 'deno',
    target: 'hono',
    scenario: 'The handler answers: JSON',
  },
  {
    file: 'http/src/deno-visit.ts',
    text: 'listenLater(this)',
    becomes: '',
    purpose: 'on Deno, a client that left is noticed after a second though nobody listens',
    patience: 3000,
    runtime: 'deno',
    target: 'hono',
    scenario: 'The client leaves: while the handler works, which never answers (RST)',
  },
  {
    file: 'http/src/workers-visit.ts',
    text: 'setTimeout(give, Math.min(timeout, LONGEST_TIMER))',
    becomes: '0 as never',
    purpose: 'on Workers, a request that waits has a timer of its own, lest it counts as hung',
    runtime: 'workerd',
    target: 'hono',
    scenario: 'The request waits: and is served in its turn',
  },
  {
    file: 'http/src/workers-visit.ts',
    text: 'this.#leaving?.abort(LEFT)',
    becomes: '',
    purpose: 'on Workers, who leaves while it waits leaves the queue',
    runtime: 'workerd',
    target: 'hono',
    scenario: 'The client leaves: while it waits, and frees its place in the queue (RST)',
  },
  {
    file: 'node/src/limit.ts',
    text: 'visit.serve(() => Reflect.apply(listener, this, args))',
    becomes: 'Reflect.apply(listener, this, args)',
    purpose: '`settled` hears of a wrapped listener',
    runtime: 'node20',
    target: 'node',
    scenario:
      "The permit is held too long, or shorter: until the handler is done, with releaseOn: 'settled', though its client has left",
  },
  {
    file: 'node/src/limit.ts',
    text: 'queueMicrotask(() => resolve(act(verdict)))',
    becomes: 'resolve(act(verdict))',
    purpose: 'what a listener throws that had to wait is an exception, and no rejection',
    runtime: 'node20',
    target: 'node',
    scenario: 'node:http: throws in a listener that had to wait, and the client leaves',
  },
  {
    file: 'node/src/limit.ts',
    text: "if (verdict === 'admitted') return",
    becomes: 'if (verdict !== undefined) return',
    purpose: 'no listener runs for who is gone',
    runtime: 'node20',
    target: 'node',
    scenario: 'The client leaves: in an earlier middleware (RST)',
  },
  {
    file: 'node/src/limit.ts',
    text: "if (verdict === 'admitted') next()",
    becomes: 'if (verdict !== undefined) next()',
    purpose: 'no later middleware runs for who is gone',
    runtime: 'node20',
    target: 'connect',
    scenario: 'The client leaves: in an earlier middleware (RST)',
  },
  {
    file: 'fastify/src/limit.ts',
    text: "else if (verdict === 'gone') reply.hijack()",
    becomes: "else if (verdict === 'gone') done()",
    purpose: 'no later hook runs for who left in an earlier one',
    runtime: 'node20',
    target: 'fastify',
    scenario: 'The client leaves: in an earlier middleware (RST)',
  },
  {
    file: 'fastify/src/plugin.ts',
    text: '      if (request.routeOptions.config?.limit === false) done()\n      else own(',
    becomes: '      own(',
    purpose: 'a route may be exempt',
    runtime: 'node20',
    target: 'fastify',
    scenario: 'Fastify: exempts a route, with limit: false',
  },
  {
    file: 'fastify/src/plugin.ts',
    text: "[Symbol.for('skip-override')]: true",
    becomes: "[Symbol.for('skip-override')]: false",
    purpose: 'the plugin limits the routes beside it, and not only those within',
    runtime: 'node20',
    target: 'fastify',
    scenario: 'The handler answers: later, and keeps its permit until then',
  },
  {
    file: 'fastify/src/routes.ts',
    text: 'if (known !== undefined) return known',
    becomes: '',
    purpose: "all requests to a route share the route's limit",
    runtime: 'node20',
    target: 'fastify',
    scenario: "Fastify: refuses by a route's own limit, and gives both permits back",
  },
  {
    file: 'nest/src/limit-interceptor.ts',
    text: 'subscriber.add(visit.keep())',
    becomes: '',
    purpose: '`settled` waits for the Observable of the handler',
    runtime: 'node20',
    target: 'nest12-express',
    scenario:
      "The permit is held too long, or shorter: until the handler is done, with releaseOn: 'settled', though its client has left",
  },
  {
    file: 'nest/src/nothing.ts',
    text: 'outermost.unsubscribe()',
    becomes: '',
    purpose: 'interceptors around the limit are torn down when who waits leaves',
    runtime: 'node20',
    target: 'nest12-express',
    scenario: 'Nest: tears the interceptors around the limit down, for the client leaves while it waits',
  },
  {
    file: 'nest/src/nothing.ts',
    text: 'while (',
    becomes: 'if (0) while (',
    purpose: 'all of them are, from the outermost on',
    runtime: 'node20',
    target: 'nest11-fastify',
    scenario: 'Nest: tears the interceptors around the limit down, for the client leaves while it waits',
  },
  {
    file: 'nest/src/refuse.ts',
    text: 'if (!begun) announce(rejection, response)',
    becomes: 'announce(rejection, response)',
    purpose: 'events whose head was sent are refused with an event',
    runtime: 'node20',
    target: 'nest12-express',
    scenario: 'Nest: refuses events of @Sse() that waited too long, with an event, for their head was sent',
  },
  {
    file: 'nest/src/limit-interceptor.ts',
    text: "if (verdict === 'admitted') return",
    becomes: 'if (verdict !== undefined) return',
    purpose: 'no handler runs for who is gone',
    runtime: 'node20',
    target: 'nest12-express',
    scenario: 'The client leaves: in an earlier middleware (RST)',
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

/**
 * Plays a guard's cell without it, and returns how it failed; undefined if it did not. Throws if it fails
 * with the guard too, which would prove nothing.
 */
export async function tryWithout(guard: Guard): Promise<string | undefined> {
  const anyway = await failureOf(guard, [])
  if (anyway !== undefined) throw new Error(`${guard.scenario} is red anyway: ${anyway}`)
  return failureOf(guard, [without(guard)])
}

async function failureOf(guard: Guard, plugins: Plugin[]): Promise<string | undefined> {
  const runtime = named(runtimes, guard.runtime)
  const target = named(targets, guard.target.split(' ')[0] as string)
  const played = [named(scenarios, guard.scenario)]
  const options = { plugins, patience: guard.patience ?? PATIENCE, only: guard.target }
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
