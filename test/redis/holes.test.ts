import { describe, expect, it } from 'vitest'
import { syncScript } from '../../packages/redis/src/script.ts'
import { describeWithRedis } from './available.ts'
import { explore } from './explorer.ts'
import { type Hole, holes, stageWith } from './holes.ts'
import { replaceOnce, replay } from './replay.ts'
import { serverToReplayOn } from './replay-server.ts'

/** A history, to be played with the sources changed so. */
async function history(hole: Hole, changes: Hole['changes']): Promise<() => void> {
  const stage = await stageWith(changes)
  return () => {
    if (typeof hole.seed === 'number') stage.explore(hole.seed)
    else stage.scenes[hole.seed]()
  }
}

describe('A history shows when a fix is missing', () => {
  it('for each of the holes that the protocol had', () => {
    expect([...new Set(holes.map(({ number }) => number))].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 21 }, (_, index) => index + 1),
    )
  })

  for (const hole of holes) {
    it(`${hole.number}: ${hole.name}`, async () => {
      const beside = hole.beside ?? []
      const [whole, broken] = [await history(hole, beside), await history(hole, [...beside, ...hole.changes])]
      whole()
      expect(broken).toThrow(Error)
    })
  }
})

describeWithRedis('The script answers otherwise than the model without the fix', () => {
  const stand = serverToReplayOn()

  for (const { number, name, lua } of holes) {
    if (lua === undefined) continue
    it(`${number}: ${name}`, async () => {
      const { redis, hearer } = stand()
      const text = replaceOnce(syncScript().text, lua.text, lua.becomes)
      let seed = 0
      const differs = async (): Promise<boolean> => {
        for (; seed < 150; seed++) {
          const { deeds } = explore(seed)
          const same = await replay(redis, hearer, deeds, text).then(
            () => true,
            (error: Error) => {
              if (error.name === 'AssertionError') return false
              throw error
            },
          )
          if (!same) return true
        }
        return false
      }
      expect(await differs()).toBe(true)
    })
  }
})
