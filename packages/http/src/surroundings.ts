import type { NodeRequest, NodeResponse } from './connection.ts'
import type { DenoInfo } from './deno-visit.ts'
import type { WorkersContext } from './workers-visit.ts'

/** Where a web request is served, as far as it shows. */
export interface Surroundings {
  node?: { req: NodeRequest; res: NodeResponse }
  deno?: DenoInfo
  workers?: WorkersContext
  bun?: true
}

/** What srvx and h3 put on their requests. */
interface Runtime {
  node?: { req?: NodeRequest; res?: NodeResponse }
  deno?: { info?: unknown }
  bun?: { server?: unknown }
  cloudflare?: { context?: unknown }
}

/**
 * Knows the server by the shape of what it hands to a handler beside the request. Two properties each:
 * a stub of a remote object seems to have every method.
 */
export function surroundingsOf(request: Request, beside: readonly unknown[]): Surroundings {
  const { runtime } = request as { runtime?: Runtime }
  if (runtime?.node?.req && runtime.node.res)
    return { node: { req: runtime.node.req, res: runtime.node.res } }
  const things =
    runtime === undefined
      ? beside
      : [...beside, runtime.deno?.info, runtime.bun?.server, runtime.cloudflare?.context]
  for (const thing of things) {
    if (typeof thing !== 'object' || thing === null) continue
    if (isNodeBinding(thing)) return { node: { req: thing.incoming, res: thing.outgoing } }
    if (isDenoInfo(thing)) return { deno: thing }
    if (isWorkersContext(thing)) return { workers: thing }
    if (isFunction(thing, 'requestIP') && isFunction(thing, 'timeout')) return { bun: true }
  }
  return {}
}

function isNodeBinding(thing: object): thing is { incoming: NodeRequest; outgoing: NodeResponse } {
  const { incoming, outgoing } = nodeBindingIn(thing)
  return incoming !== undefined && outgoing !== undefined
}

/** What @hono/node-server hands over, if it is that. At an upgrade there is no response. */
export function nodeBindingIn(thing: unknown): { incoming?: NodeRequest; outgoing?: NodeResponse } {
  const binding = (thing ?? {}) as { incoming?: NodeRequest; outgoing?: NodeResponse }
  const { incoming, outgoing } = binding
  if (typeof incoming?.method !== 'string' || typeof incoming.socket !== 'object') return {}
  return outgoing === undefined || typeof outgoing.writeHead === 'function' ? binding : {}
}

function isDenoInfo(thing: object): thing is DenoInfo {
  // Not to be read: it throws once the request is closed.
  if (!('remoteAddr' in thing)) return false
  return typeof (thing as { completed?: { then?: unknown } }).completed?.then === 'function'
}

function isWorkersContext(thing: object): thing is WorkersContext {
  return isFunction(thing, 'waitUntil') && isFunction(thing, 'passThroughOnException')
}

function isFunction(thing: object, name: string): boolean {
  return typeof (thing as Record<string, unknown>)[name] === 'function'
}
