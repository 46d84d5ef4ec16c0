import type { Adapter } from './adapters/adapter.ts'
import { nestAdapters } from './adapters/nest.ts'
import { plainAdapters } from './adapters/plain.ts'

/** Every adapter, on every framework it is for. */
export const adapters: Adapter[] = [...plainAdapters, ...nestAdapters]
