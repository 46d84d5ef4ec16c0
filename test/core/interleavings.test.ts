import { BoundedSemaphore } from '@lineclear/core'
import { describe, expect, test, vi } from 'vitest'
import { explore, replay, type Scenario } from './interleavings.ts'

// How many deeds more than usual there are in a schedule: with none 479,199 schedules in ten to twenty
// seconds, with `MORE=1` 3,748,192 in some minutes.
const MORE = Number(process.env.MORE ?? 0)

const lines = [
  { queue: 'fifo', room: 1 },
  { queue: 'fifo', room: Infinity },
  { queue: 'lifo', room: 2 },
  { queue: 'lifo', room: Infinity },
] as const

/** For each of the lines, how many schedules there are; then how many with one deed more. */
type Counts = [usual: number[], withOneMore: number[]]

const explorations: [what: string, Omit<Scenario, 'queue' | 'room'>, Counts][] = [
  [
    'everything',
    {
      inside: [1, 1],
      cast: [
        ...(['plain', 'plain', 'signal', 'signal', 'shared', 'timed', 'heavy', 'all'] as const),
        ...(['time', 'time', 'resize:1', 'resize:3', 'close'] as const),
      ],
      length: 5,
    },
    [
      [71_798, 73_762, 75_700, 76_434],
      [682_259, 722_061, 748_347, 763_654],
    ],
  ],
  [
    'those who may give up until they are told',
    { inside: [1, 1], cast: ['plain', 'signal', 'signal', 'shared', 'resize:4'], length: 6 },
    [
      [11_516, 14_616, 14_004, 14_255],
      [45_539, 65_002, 60_461, 62_611],
    ],
  ],
  [
    'weights and limits',
    {
      inside: [2, 1],
      cast: ['plain', 'heavy', 'all', 'time', 'resize:0', 'resize:1', 'resize:4'],
      length: 5,
    },
    [
      [15_615, 15_968, 15_892, 15_962],
      [80_923, 85_150, 84_271, 84_801],
    ],
  ],
  [
    'time-outs',
    {
      inside: [1, 1],
      cast: ['plain', 'timed', 'patient', 'patient', 'all', 'time', 'time', 'time'],
      length: 6,
    },
    [
      [15_205, 16_638, 15_642, 16_192],
      [60_473, 70_784, 64_391, 67_465],
    ],
  ],
]

describe.each(explorations)('every interleaving of %s', { timeout: 3_600_000 }, (_, scenario, counts) => {
  test.each(lines)('in a $queue for $room', async (line) => {
    const explored = await explore({ ...scenario, ...line, length: scenario.length + MORE })
    const known = counts.map((each) => each[lines.indexOf(line)] ?? 0)
    if (MORE < known.length) expect(explored).toBe(known[MORE])
    else expect(explored).toBeGreaterThan(known.at(-1) ?? 0)
  })
})

describe('an exploration', () => {
  const [, scenario] = explorations[0] as (typeof explorations)[0]
  const fifo: Scenario = { ...scenario, queue: 'fifo', room: Infinity, length: 3 }

  test('that meets a bug prints a schedule that shows it again', async () => {
    const close = vi.spyOn(BoundedSemaphore.prototype, 'close').mockImplementation(() => {})
    try {
      const failure = await explore(fifo).catch((error: Error) => error.message)
      const schedule = /'([^']*)'\)$/.exec(String(failure))?.[1] ?? ''
      expect(schedule).toMatch(/close$/)
      expect(() => replay(fifo, schedule)).toThrow('waiting: 2, not 0')
    } finally {
      close.mockRestore()
    }
  })
})
