import { describe } from 'vitest'
import { adapterContract } from './adapter-contract.ts'
import { adapters } from './http/adapters.ts'

for (const adapter of adapters) describe(adapter.name, () => adapterContract(adapter))
