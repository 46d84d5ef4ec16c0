import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { bursts, poisson } from '@lineclear/simulator'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type AccessLog, readAccessLog } from '../../packages/simulator/src/cli/log/access-log.ts'
import { readLine } from '../../packages/simulator/src/cli/log/line.ts'
import { recommend } from '../../packages/simulator/src/cli/log/recommend.ts'
import { replay } from '../../packages/simulator/src/cli/log/replay.ts'
import { trafficOf } from '../../packages/simulator/src/cli/log/traffic.ts'
import { main } from '../../packages/simulator/src/cli/main.ts'
import { apache, type Logged, logged, nginx, pino } from './logs.ts'

const folder = mkdtempSync(join(tmpdir(), 'lineclear-logs-'))
afterAll(() => rmSync(folder, { recursive: true }))

async function run(...args: string[]): Promise<[status: number, printed: string]> {
  const printed: string[] = []
  const status = await main(args, (text) => printed.push(text))
  return [status, printed.join('\n')]
}

const OCT_10 = Date.UTC(2024, 9, 10, 11, 55, 36)
const combined = (end: string): string =>
  `203.0.113.7 - - [10/Oct/2024:13:55:36 +0200] "GET /a\\"b HTTP/1.1" 200 2326 "-" "Moz 5.0 (x)" ${end}`

describe('a line of a log', () => {
  test.each<[line: string, duration: number, exact: boolean, options?: object]>([
    [combined('0.123'), 0.123, false],
    [combined('123456'), 123456, false],
    [combined('"0.123"'), 0.123, false],
    [combined('12ms'), 12, true],
    [combined('rt=0.250 uct=0.001'), 250, true, { durationField: 'rt', durationUnit: 's' }],
    [combined('rt=0.250'), 0.25, false],
    [combined('"-" 7 0.5'), 500, true, { durationUnit: 's' }],
    ['h - - [10/Oct/2024:11:55:36 +0000] "GET / HTTP/1.1" 200 2326 250', 250, false],
    ['h - - [2024-10-10T13:55:36+02:00] "GET / HTTP/1.1" 200 2326 250us', 0.25, true],
    ['{"time":"2024-10-10T11:55:36Z","request_time":0.25}', 250, true],
    ['{"time":"2024-10-10T11:55:36Z","request_time":"0.25"}', 250, true],
    ['{"time":1728561336000,"responseTime":12}', 12, true],
    ['{"ts":1728561336,"duration":0.012}', 0.012, false],
    ['{"@timestamp":"2024-10-10T11:55:36Z","duration_ms":12}', 12, true],
    ['{"ts":1728561336000000,"latency":"1.5ms"}', 1.5, true],
    ['{"time":"2024-10-10T11:55:36Z","Duration":2500000}', 2.5, true],
    ['{"time_local":"10/Oct/2024:13:55:36 +0200","took":3}', 3, false],
    [
      '{"http":{"end":"2024-10-10T11:55:36Z","ms":9}}',
      9,
      false,
      { timeField: 'http.end', durationField: 'http.ms' },
    ],
    ['{"time":"2024-10-10T11:55:36Z","a.b":9}', 9e-3, true, { durationField: 'a.b', durationUnit: 'us' }],
  ])('%s', (line, duration, exact, options = {}) => {
    expect(readLine(line, options)).toEqual({ time: OCT_10, duration: expect.closeTo(duration, 9), exact })
  })

  test.each([
    'nonsense',
    '',
    combined(''),
    combined('-'),
    'h - - [10/Oct/2024:13:55:36 +0200] "GET / HTTP/1.1" 200 2326',
    'h - - [10/Okt/2024:13:55:36 +0200] "GET / HTTP/1.1" 200 2326 0.1',
    '{"time":"2024-10-10T11:55:36Z"}',
    '{"time":"yesterday","duration":1}',
    '{"time":"2024-10-10T11:55:36Z","duration":-1}',
    '{"time":',
  ])('that has no time or no duration is not read: %s', (line) => {
    expect(readLine(line, {})).toBeUndefined()
  })
})

describe('an access log', () => {
  let requests: Logged[]
  beforeAll(async () => {
    requests = await logged(poisson(200), 30_000, 50)
  })

  /** The arrivals and durations that were logged, in the order that requests came. */
  function truth(): { arrivals: number[]; durations: number[] } {
    const sorted = requests.toSorted((a, b) => a.start - b.start)
    const first = sorted[0]?.start ?? 0
    return {
      arrivals: sorted.map(({ start }) => start - first),
      durations: sorted.map(({ duration }) => duration),
    }
  }

  test('of pino has each request where it came, a duration before its line', async () => {
    const { arrivals, durations, malformed, readAs } = await readAccessLog(requests.map(pino))
    expect([arrivals.length, malformed]).toEqual([requests.length, 0])
    const { arrivals: exact } = truth()
    for (const [i, at] of arrivals.entries()) expect(Math.abs(at - (exact[i] as number))).toBeLessThan(4)
    expect(Math.abs(mean(durations) - mean(truth().durations))).toBeLessThan(0.1)
    expect(readAs).toEqual(['times are when requests were over, so they came a duration earlier (--time-is)'])
  })

  test.each([
    ['nginx', nginx, 'durations in s', 'times are when requests were over'],
    ['Apache', apache, 'durations in us', 'times are when requests came'],
  ] as const)(
    'of %s is read in its units, with its times, spread within their seconds',
    async (_name, format, unit, when) => {
      const { arrivals, durations, readAs } = await readAccessLog(requests.map(format))
      expect(readAs.join('\n')).toContain(unit)
      expect(readAs.join('\n')).toContain(when)
      expect(readAs.join('\n')).toContain('times are whole seconds')
      expect(Math.abs(mean(durations) - mean(truth().durations))).toBeLessThan(0.5)
      // As many in each second as there were, within what a second's grain allows.
      const perSecond = (times: Iterable<number>): number[] => {
        const counts = new Array<number>(31).fill(0)
        for (const at of times) counts[Math.floor(at / 1000)] = (counts[Math.floor(at / 1000)] ?? 0) + 1
        return counts
      }
      const [found, real] = [perSecond(arrivals), perSecond(truth().arrivals)]
      for (const [second, count] of found.slice(1, 28).entries()) {
        expect(Math.abs(count - (real[second + 1] as number))).toBeLessThan(120)
      }
      expect(arrivals.every((at, i) => i === 0 || at >= (arrivals[i - 1] as number))).toBe(true)
    },
  )

  test('says how many lines it could not read, and shows some', async () => {
    const lines = ['junk 1', ...requests.slice(0, 5).map(nginx), '', 'junk 2', 'junk 3', 'junk 4']
    const { malformed, examples, arrivals } = await readAccessLog(lines)
    expect([malformed, arrivals.length]).toEqual([4, 5])
    expect(examples).toEqual(['line 1: junk 1', 'line 8: junk 2', 'line 9: junk 3'])
    await expect(readAccessLog(['junk'])).rejects.toThrow(
      'no line with a time and a duration was found; line 1: junk',
    )
    await expect(readAccessLog([])).rejects.toThrow('the log is empty')
  })

  test('in mixed units is read line by line', async () => {
    const { durations } = await readAccessLog([
      '{"time":1728561336000,"duration":"2s"}',
      '{"time":1728561337000,"duration":5}',
      '{"time":1728561338000,"duration":0}',
    ])
    expect([...durations].sort((a, b) => a - b)).toEqual([0, 5, 2000])
  })
})

describe('the recommendation', () => {
  /** Ten a second, each a second long, for a minute; in the middle thirty more at once. */
  const regular: AccessLog = logOf([
    ...Array.from({ length: 600 }, (_, i) => ({ at: i * 100, duration: 999 })),
    ...Array.from({ length: 30 }, () => ({ at: 30_000, duration: 999 })),
  ])

  test('is the fewest permits with which hardly any would have waited', async () => {
    const steady = logOf(Array.from({ length: 2000 }, (_, i) => ({ at: i * 100, duration: 999 })))
    const {
      permits,
      queue,
      queueTimeout,
      isDefault,
      replay: made,
    } = await recommend(steady, trafficOf(steady), 100)
    expect([permits, queue, queueTimeout, isDefault]).toEqual([10, 100, 30_000, true])
    expect([made.slow, made.result.failed, made.result.mostInUse]).toEqual([0, 0, 10])
    // Nine are too few.
    expect(await replay(steady, { permits: 9 }, 100, 2)).toBeUndefined()
  })

  test('allows for a crowd as much wait as it is told, and refuses nobody', async () => {
    const strict = await recommend(regular, trafficOf(regular), 100)
    const lax = await recommend(regular, trafficOf(regular), 2500)
    expect(strict.permits).toBeGreaterThan(36)
    expect(lax.permits).toBeLessThan(strict.permits)
    expect(strict.replay.slow).toBe(0)
    expect([strict.replay.result.failed, lax.replay.result.failed]).toEqual([0, 0])
    expect(lax.replay.slow).toBeLessThanOrEqual(0.001 * 630)
  })

  test.each([1, 2, 101])('with seed %i, one permit less lets too many wait', async (seed) => {
    const requests = await logged(
      bursts({ rate: 100, peak: 400, every: 10_000, length: 1000 }),
      60_000,
      50,
      seed,
    )
    const log = await readAccessLog(requests.map(pino))
    const { permits, replay: made } = await recommend(log, trafficOf(log), 20)
    expect(permits).toBeGreaterThan(10)
    expect(permits).toBeLessThan(40)
    expect(made.result.failed).toBe(0)
    const most = log.arrivals.length / 1000
    const { fifo } = await import('@lineclear/core')
    const line = { queue: () => fifo(), queueTimeout: Infinity }
    expect(await replay(log, { ...line, permits }, 20, most)).toBeDefined()
    expect(await replay(log, { ...line, permits: permits - 1 }, 20, most)).toBeUndefined()
  })

  test('is printed with what it would have done, and what others would', async () => {
    const requests = await logged(poisson(200), 20_000, 50)
    const path = join(folder, 'access.log')
    writeFileSync(path, `${['broken line', ...requests.map(nginx)].join('\n')}\n`)
    const [status, printed] = await run(
      '--from',
      path,
      '--permits',
      '12,40',
      '--queue',
      '0,lifo:50',
      '--queue-timeout',
      '300',
    )
    expect(status).toBe(0)
    expect(printed).toMatch(/^\d+ requests in 20(\.\d)? s, \d+ a second$/m)
    expect(printed).toContain('lines that could not be read: 1, such as\n  line 1: broken line')
    expect(printed).toMatch(/^ {2}limit\(\{ permits: 1\d \}\)$/m)
    const names = printed
      .split('\n')
      .filter((line) => / %/.test(line))
      .map((line) => line.split('  ')[0])
    expect(names).toEqual([
      'recommended',
      '12 permits, 0, 300 ms',
      '12 permits, lifo:50, 300 ms',
      '40 permits, 0, 300 ms',
      '40 permits, lifo:50, 300 ms',
      expect.stringMatching(/^\d permits$/),
      expect.stringMatching(/^1\d permits$/),
      expect.stringMatching(/^2\d permits$/),
      expect.stringMatching(/^[23]\d permits$/),
      'queue: 0',
      'queue: fifo 100',
      'queue: lifo 100',
      'queueTimeout: 1000',
      '1.5 times the traffic',
      '2 times the traffic',
    ])
    const zipped = join(folder, 'access.log.gz')
    writeFileSync(zipped, gzipSync(['broken line', ...requests.map(nginx)].join('\n')))
    expect((await run('--from', zipped))[1]).toContain(printed.split('\n\n')[0])
  })

  test('warns of a log that shows an overloaded server', async () => {
    const slow = logOf([
      ...Array.from({ length: 1000 }, (_, i) => ({ at: i * 100, duration: 50 })),
      ...Array.from({ length: 300 }, (_, i) => ({ at: 50_000 + i * 5, duration: 1500 })),
    ])
    expect(trafficOf(slow).slowdown).toBe(30)
    expect(trafficOf(regular).slowdown).not.toBeGreaterThan(1)
  })

  test('says what is wrong with its options', async () => {
    const path = join(folder, 'one.log')
    writeFileSync(path, nginx({ start: OCT_10, duration: 5 }))
    expect((await run('--from', path))[0]).toBe(0)
    const [text, cut] = [join(folder, 'text.log.gz'), join(folder, 'cut.log.gz')]
    writeFileSync(text, nginx({ start: OCT_10, duration: 5 }))
    writeFileSync(cut, gzipSync(nginx({ start: OCT_10, duration: 5 })).subarray(0, -9))
    for (const [args, message] of [
      [['--from', join(folder, 'none.log')], 'no such file'],
      [['--from', join(folder, 'none.log.gz')], 'no such file'],
      [['--from', text], `${text} is not a whole gzip file: incorrect header check`],
      [['--from', cut], `${cut} is not a whole gzip file: unexpected end of file`],
      [['--from', path, '--permits', '5,0'], '--permits must be a whole number of at least 1; received 0'],
      [['--from', path, '--max-wait', 'x'], '--max-wait must be a number; received x'],
      [['--from', path, '--duration-unit', 'h'], '--duration-unit must be one of s, ms, us, ns; received h'],
      [['--from', path, '--queue', '5'], '--queue and --queue-timeout need --permits'],
      [['--from', path, '--permits', '5', '--queue', 'fife:5'], '--queue.kind must be one of fifo, lifo'],
    ] as const) {
      expect(await run(...args)).toEqual([2, expect.stringContaining(message)])
    }
  })
})

function mean(values: ArrayLike<number>): number {
  return Array.from(values).reduce((sum, value) => sum + value, 0) / values.length
}

function logOf(requests: { at: number; duration: number }[]): AccessLog {
  const sorted = requests.toSorted((a, b) => a.at - b.at)
  return {
    arrivals: Float64Array.from(sorted, ({ at }) => at),
    durations: Float64Array.from(sorted, ({ duration }) => duration),
    malformed: 0,
    examples: [],
    readAs: [],
  }
}
