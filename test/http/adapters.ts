import type { Adapter } from './adapters/adapter.ts'
import { expressAdapters } from './adapters/express.ts'
import { fastifyAdapter } from './adapters/fastify.ts'
import { fetchAdapters } from './adapters/fetch.ts'
import { honoAdapter } from './adapters/hono.ts'
import { koaAdapters } from './adapters/koa.ts'
import { nestAdapters } from './adapters/nest.ts'
import { bareAdapter, connectAdapter } from './adapters/node.ts'

/** Every adapter, on every framework it is for. */
export const adapters: Adapter[] = [
  ...expressAdapters,
  ...koaAdapters,
  honoAdapter,
  fastifyAdapter,
  bareAdapter,
  connectAdapter,
  ...fetchAdapters,
  ...nestAdapters,
]
