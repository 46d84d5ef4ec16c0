import { describe, expect, it } from 'vitest'
import { expressAdapters } from '../http/adapters/express.ts'
import { fastifyAdapter } from '../http/adapters/fastify.ts'
import { honoAdapter } from '../http/adapters/hono.ts'
import { koaAdapters } from '../http/adapters/koa.ts'
import { bareAdapter, connectAdapter } from '../http/adapters/node.ts'
import { chaos } from './chaos.ts'
import { crowd } from './crowd.ts'
import { drawPlan } from './plan.ts'
import { Random } from './random.ts'

const SEED = 20
const adapters = [
  ...expressAdapters,
  ...koaAdapters,
  honoAdapter,
  fastifyAdapter,
  bareAdapter,
  connectAdapter,
]

describe('a crowd of every kind of client', () => {
  for (const adapter of adapters) {
    it(`leaves nothing behind on ${adapter.name}`, { timeout: 120_000 }, async () => {
      const { leavers, answers } = await chaos({
        seed: SEED,
        adapter,
        requests: 1000,
        rounds: 1,
        send: crowd,
      })
      // Or it would have shown nothing.
      for (const stage of Object.values(leavers)) expect(stage).toBeGreaterThan(0)
      expect(answers[200]).toBeGreaterThan(0)
    })
  }

  it('does the same for the same seed', () => {
    const plans = (seed: number) =>
      Array.from({ length: 50 }, (_, i) => drawPlan(new Random(seed, i), `c${i}`))
    expect(plans(SEED)).toEqual(plans(SEED))
    expect(plans(SEED)).not.toEqual(plans(SEED + 1))
  })
})
