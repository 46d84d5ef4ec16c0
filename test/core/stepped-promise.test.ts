import fc from 'fast-check'
import { expect, test } from 'vitest'
import { flush } from './helpers.ts'
import { microtasks, step, withSteppedPromises } from './stepped-promise.ts'

/** What is done with one of a few promises, and in the reactions to it. */
interface Move {
  act: 'resolve' | 'reject' | 'then' | 'catch' | 'ready'
  which: number
  moves: Move[]
}

function movesWith(reactions: fc.Arbitrary<Move[]>): fc.Arbitrary<Move[]> {
  const act = fc.constantFrom('resolve', 'reject', 'then', 'then', 'catch', 'ready')
  return fc.array(fc.record({ act, which: fc.nat(5), moves: reactions }), { maxLength: 6 })
}

const moves = movesWith(movesWith(movesWith(fc.constant([]))))

/** Makes the moves on promises of whatever kind is there now, and notes what runs. */
function perform(moves: Move[]): string[] {
  const log: string[] = []
  const settlers: { resolve: (value: string) => void; reject: (error: string) => void }[] = []
  const promises = [0, 1, 2].map(
    () => new Promise<string>((resolve, reject) => settlers.push({ resolve, reject })),
  )
  const make = (moves: Move[], name: string): void => {
    moves.forEach(({ act, which, moves }, i) => {
      const here = `${name}.${i}`
      const reaction = (how: string) => (value: string) => {
        log.push(`${here} ${how} ${value}`)
        make(moves, here)
        return here
      }
      const settler = settlers[which % settlers.length]
      const promise = promises[which % promises.length]
      if (act === 'resolve') settler?.resolve(here)
      else if (act === 'reject') settler?.reject(here)
      else if (act === 'ready') Promise.resolve(here).then(reaction('ready'))
      else if (promise !== undefined) {
        const onRejected = act === 'catch' ? reaction('rejected') : undefined
        promises.push(promise.then(reaction('fulfilled'), onRejected))
      }
    })
  }
  make(moves, '')
  return log
}

test('stepped promises do all that promises do, in the same order', async () => {
  const nothing = (): void => {}
  process.on('unhandledRejection', nothing)
  const property = fc.asyncProperty(moves, async (moves) => {
    const expected = perform(moves)
    await flush()
    const actual = withSteppedPromises(() => {
      const log = perform(moves)
      while (microtasks.length > 0) step()
      return log
    })
    expect(actual).toEqual(expected)
  })
  try {
    await fc.assert(property, { numRuns: 500 })
  } finally {
    process.off('unhandledRejection', nothing)
  }
})
