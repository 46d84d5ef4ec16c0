import type { Adapter } from './adapter.ts'
import { expressAdapters } from './express.ts'
import { fastifyAdapter } from './fastify.ts'
import { fetchAdapters } from './fetch.ts'
import { honoAdapter } from './hono.ts'
import { koaAdapters } from './koa.ts'
import { bareAdapter, connectAdapter } from './node.ts'

/** Those that run without vitest, which Nest 11 beside Nest 12 needs. */
export const plainAdapters: Adapter[] = [
  ...expressAdapters,
  ...koaAdapters,
  honoAdapter,
  fastifyAdapter,
  bareAdapter,
  connectAdapter,
  ...fetchAdapters,
]
