import type { Host } from './runtimes.ts'
import type { Transport } from './transport.ts'

/** A framework with its adapter; one column of the table for each transport. */
export interface Target {
  name: string
  /** Whose scenarios apply besides those of all. */
  family: string
  /** The file in `targets` that serves on each host. */
  programs: Partial<Record<Host, string>>
  transports: Transport[]
  /** Handlers, or methods over one protocol, that this framework leaves unanswered till the client leaves. */
  leavesOpen?: string[]
}

export const targets: Target[] = [
  {
    name: 'express4',
    family: 'express',
    programs: { node: 'express4' },
    transports: ['h1', 'tls'],
    leavesOpen: ['/reject'],
  },
  { name: 'express5', family: 'express', programs: { node: 'express5' }, transports: ['h1', 'tls'] },
  {
    name: 'koa2',
    family: 'koa',
    programs: { node: 'koa2' },
    transports: ['h1', 'tls', 'h2c', 'h2s'],
    // Over HTTP/2 it takes the stream of a HEAD request, which Node ends at once, for one that is gone.
    leavesOpen: ['/throw-late', '/broken-stream', 'HTTP/2 HEAD'],
  },
  {
    name: 'koa3',
    family: 'koa',
    programs: { node: 'koa3' },
    transports: ['h1', 'tls', 'h2c', 'h2s'],
    leavesOpen: ['/throw-late'],
  },
  {
    name: 'hono',
    family: 'hono',
    programs: { node: 'hono-node', bun: 'hono-bun', deno: 'hono-deno', workerd: 'hono-workerd' },
    transports: ['h1', 'tls', 'h2c', 'h2s'],
  },
  {
    name: 'fetch',
    family: 'fetch',
    programs: { node: 'srvx', bun: 'fetch-web', deno: 'fetch-web', workerd: 'fetch-web' },
    transports: ['h1', 'tls', 'h2c', 'h2s'],
  },
  { name: 'h3', family: 'fetch', programs: { node: 'h3' }, transports: ['h1', 'tls', 'h2c', 'h2s'] },
  { name: 'node', family: 'node', programs: { node: 'node' }, transports: ['h1', 'tls', 'h2c', 'h2s'] },
  {
    name: 'connect',
    family: 'connect',
    programs: { node: 'connect' },
    transports: ['h1', 'tls', 'h2c', 'h2s'],
    leavesOpen: ['/reject'],
  },
  {
    name: 'fastify',
    family: 'fastify',
    programs: { node: 'fastify' },
    transports: ['h1', 'tls', 'h2c', 'h2s'],
  },
  { name: 'nest12-express', family: 'nest', programs: { node: 'nest12-express' }, transports: ['h1', 'tls'] },
  { name: 'nest12-fastify', family: 'nest', programs: { node: 'nest12-fastify' }, transports: ['h1', 'tls'] },
  { name: 'nest11-express', family: 'nest', programs: { node: 'nest11-express' }, transports: ['h1', 'tls'] },
  { name: 'nest11-fastify', family: 'nest', programs: { node: 'nest11-fastify' }, transports: ['h1', 'tls'] },
]

/** The transports it is tested on; the other runtimes are, so far, on HTTP/1.1 in the clear. */
export function transportsOf(target: Target, host: Host): Transport[] {
  return host === 'node' ? target.transports : target.transports.filter((transport) => transport === 'h1')
}
