import { expect, test } from 'vitest'
import { excesses, type Log, most, occupancy, reached, readLog } from './observer.ts'

/** Times in ms, as a process writes them. */
function logOf(process: string, lines: string, killedAt?: number): Log {
  const text = lines
    .trim()
    .split('\n')
    .map((line) => line.trim().replaceAll(/(\d+)ms/g, '$1000000'))
    .join('\n')
  return readLog(process, `${text}\n`, killedAt)
}

const two = [
  logOf(
    'a',
    `enter 10ms 1 5ms 1 7 key
     exit 30ms 1 done
     enter 30ms 2 8ms 1 - key
     exit 50ms 2 lost`,
  ),
  logOf(
    'b',
    `enter 20ms 1 20ms 2 8 key
     exit 40ms 1 done`,
  ),
].flatMap(({ stays }) => stays)

test('a log tells who had what from when to when', () => {
  expect(two).toEqual([
    { process: 'a', key: 'key', weight: 1, fence: 7, asked: 5, from: 10, to: 30, end: 'done' },
    { process: 'a', key: 'key', weight: 1, fence: undefined, asked: 8, from: 30, to: 50, end: 'lost' },
    { process: 'b', key: 'key', weight: 2, fence: 8, asked: 20, from: 20, to: 40, end: 'done' },
  ])
})

test('a log tells of refusals and events', () => {
  const log = logOf('a', 'refused 30ms 20ms closed\nevent 40ms lost 2')
  expect(log.refusals).toEqual([{ process: 'a', asked: 20, at: 30, reason: 'closed' }])
  expect(log.events).toEqual([{ process: 'a', at: 40, name: 'lost', value: 2 }])
})

test('who is killed had its permits until then, and half a line at the end counts for nothing', () => {
  const { stays } = readLog('a', 'enter 10000000 1 5000000 1 7 key\nexit 2', 25)
  expect(stays).toMatchObject([{ from: 10, to: 25, end: 'killed' }])
})

test('a permit that still lasts has no end', () => {
  expect(logOf('a', 'enter 10ms 1 5ms 1 7 key').stays).toMatchObject([{ to: Infinity, end: undefined }])
})

test('more than the limit at any instant is found, with how much and who', () => {
  const both = { key: 'key', by: 1, processes: ['a', 'b'] }
  expect(most(two)).toBe(3)
  expect(excesses(two, 3)).toEqual([])
  expect(excesses(two, 2)).toEqual([
    { ...both, from: 20, to: 30 },
    { ...both, from: 30, to: 40, processes: ['b', 'a'] },
  ])
  expect(excesses(two, 2, 25, 35).map(({ from, to }) => [from, to])).toEqual([
    [25, 30],
    [30, 35],
  ])
})

test('the keys have a limit each', () => {
  const other = logOf('c', 'enter 10ms 1 5ms 2 7 other').stays
  expect(most([...two, ...other])).toBe(3)
  expect(excesses([...two, ...other], 3)).toEqual([])
})

test('mean occupancy counts each permit for as long as it was in use', () => {
  // 1 for 40 ms and 2 for 20 ms, of 4 for 50 ms.
  expect(occupancy(two, 4, 1, 5, 55)).toBeCloseTo(80 / 200)
  expect(occupancy(two, 4, 1, 20, 40)).toBeCloseTo(60 / 80)
})

test('when others first had so many is told', () => {
  expect(reached(two, 2, 0, 'a')).toBe(20)
  expect(reached(two, 3, 0, '')).toBe(20)
  expect(reached(two, 2, 0, 'b')).toBeUndefined()
})
