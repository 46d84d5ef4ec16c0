import { afterAll, expect, test } from 'vitest'
import { describeWithServers } from '../available.ts'
import { faults, faultsOnValkey } from './all.ts'
import { closeShared, inflict } from './fault.ts'
import { none } from './quiet.ts'

// Each fault throws by itself where a guarantee does not hold; fault.ts and docs/redis.md say what these are.

afterAll(closeShared)

describeWithServers(
  'real processes keep to the limit, lose no permit and starve nobody',
  ['redis'],
  (kind) => {
    for (const fault of faults) {
      test(`through: ${fault.name}`, { timeout: 60_000 }, async () => {
        const { figures } = await inflict(fault, kind, { processes: 4, seconds: 1.2 })
        expect(figures.most).toBeGreaterThan(0)
      })
    }

    test('also sixteen of them', { timeout: 60_000 }, async () => {
      const { figures } = await inflict(none, kind, { processes: 16, seconds: 1.2 })
      expect(figures).toMatchObject({ processes: 16, over: 0, most: 4 })
    })
  },
)

describeWithServers('the same', ['valkey'], (kind) => {
  for (const fault of faultsOnValkey) {
    test(`on Valkey through: ${fault.name}`, { timeout: 60_000 }, async () => {
      const { figures } = await inflict(fault, kind, { processes: 4, seconds: 1.2 })
      expect(figures.most).toBeGreaterThan(0)
    })
  }
})
