import type { Scenario } from './scenario.ts'

/** Cells that no adapter can turn green, with why. They are played all the same, and must fail. */
interface Impossible {
  scenario: RegExp
  runtime: RegExp
  target: RegExp
  reason: string
  /** Where the runtime or the framework says so. */
  see?: string
  /** Not even to be tried. */
  dangerous?: true
}

const EVERY = /./

export const impossible: Impossible[] = [
  {
    scenario: /^The permit is held too long, or shorter: by a client that stops reading and stays$/,
    runtime: EVERY,
    target: EVERY,
    reason: 'Nothing happens to a response whose client stops reading and stays; only `maxHold` ends it.',
  },
  {
    scenario: /^The client leaves: (while|in an earlier|in the middle|server-sent).*\((FIN|half-close)\)$/,
    runtime: /^workerd/,
    target: EVERY,
    reason: 'A FIN means nothing to workerd as long as nothing is written: the client may still read.',
    see: 'https://github.com/cloudflare/workerd/pull/3488',
  },
  {
    scenario: /^The client leaves: in an earlier middleware/,
    runtime: /^deno/,
    target: EVERY,
    reason:
      'Deno tells that a client has left only after it was asked for the signal, and to ask for each request costs as much as a small answer. The handler runs, and its permit comes back within two seconds.',
  },
  {
    scenario: /^Hono: mounts an application with the same limit/,
    runtime: /^bun/,
    target: /^hono/,
    reason:
      'Hono makes a new Request for what it mounts, and Bun hands over nothing by which the request could be known; with `mount(path, app, { replaceRequest: false })` it counts once.',
  },
  {
    scenario:
      /^The request has a body: and the client leaves in the middle of a megabyte of it while it waits/,
    runtime: EVERY,
    target: /^(?!.* h2)/,
    reason:
      'A server that has read ahead as much as it may reads no more from the connection until the body is read, and so does not see that it is closed. `queueTimeout` ends the wait.',
  },
  {
    scenario: /^Hono: serves a websocket/,
    runtime: /^(bun|deno|workerd)/,
    target: /^hono/,
    reason:
      'The handler returns at the upgrade, and nothing that the middleware sees lasts as long as the socket.',
  },
  {
    scenario:
      /^The request waits: (and is answered by an earlier middleware meanwhile|in an earlier middleware, which has answered)/,
    runtime: /^(bun|workerd)/,
    target: EVERY,
    reason:
      'Nothing tells a middleware that another one has answered: the signal aborts only if the client leaves.',
  },
  {
    scenario:
      /^Requests are pipelined: (one after the other, each|and the client leaves (before the first|in the middle of the second)|thirty at once, while|ten that wait|and the second overtakes)/,
    runtime: /^bun/,
    target: EVERY,
    reason: 'Bun closes a connection on which a request follows one that is not answered yet.',
    see: 'https://github.com/oven-sh/bun/pull/38128',
  },
  {
    scenario: /^The client leaves: a large answer, all of it sent by the handler/,
    runtime: /^deno/,
    target: EVERY,
    reason: 'Deno takes a body that is in memory as soon as it is offered, and counts it as delivered.',
  },
  {
    scenario:
      /^The request has a body: (and the client leaves while nobody reads it|and the client leaves in the middle of it while it waits|after Expect: 100-continue, and the client leaves)/,
    runtime: /^deno/,
    target: EVERY,
    reason:
      "While a request's body is on its way and nobody reads it, Deno does not look at the connection: neither the signal nor `completed` tells that the client left.",
  },
]

export function impossibility({ name }: Scenario, runtime: string, target: string): Impossible | undefined {
  return impossible.find(
    (cell) => cell.scenario.test(name) && cell.runtime.test(runtime) && cell.target.test(target),
  )
}
