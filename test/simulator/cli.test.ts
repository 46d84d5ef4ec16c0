import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { main } from '../../packages/simulator/src/cli/main.ts'
import { readScenario } from '../../packages/simulator/src/cli/scenario-file.ts'
import { figure, percent, table } from '../../packages/simulator/src/cli/table.ts'

const folder = mkdtempSync(join(tmpdir(), 'lineclear-simulate-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** What the command prints, and its exit status. */
async function run(...args: string[]): Promise<[status: number, printed: string]> {
  const printed: string[] = []
  const status = await main(args, (text) => printed.push(text))
  return [status, printed.join('\n')]
}

function file(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

const overload = {
  name: 'Twice as much',
  duration: 5000,
  arrivals: { kind: 'poisson', rate: 2000 },
  service: { kind: 'exponential', mean: 20 },
  server: { kind: 'pool', servers: 20 },
  clients: { patience: 250 },
  candidates: [
    { limiter: 'none' },
    { permits: 20, queue: 0 },
    { permits: 20, queue: { kind: 'lifo', limit: 1000 } },
    { name: 'default', permits: 20 },
  ],
}

describe('a scenario file', () => {
  test('is run for each candidate, and makes a table', async () => {
    const [status, printed] = await run(file('overload.json', overload))
    expect(status).toBe(0)
    const lines = printed.split('\n')
    expect(lines[0]).toBe('Twice as much')
    expect(lines[1]).toMatch(/^\d+ requests in 5 s, \d+ a second; seed 1$/)
    expect(lines.slice(5).map((line) => line.split('  ')[0])).toEqual([
      'no limit',
      '20 permits, fifo 0',
      '20 permits, lifo 1000',
      'default',
    ])
    const goodput = lines.slice(5).map((line) => Number(line.slice(22).trim().split(/\s+/)[0]))
    expect(goodput[0]).toBeLessThan(150)
    for (const figure of goodput.slice(1)) expect(figure).toBeGreaterThan(900)
  })

  test('gives the same table again, and another one for another seed', async () => {
    const path = file('again.json', { ...overload, duration: 500 })
    const first = await run(path)
    expect(await run(path)).toEqual(first)
    expect(await run(path, '--seed', '7')).not.toEqual(first)
  })

  const small = {
    duration: 100,
    arrivals: { kind: 'poisson', rate: 10 },
    service: 5,
    candidates: [{ permits: 1 }],
  }

  test.each<[name: string, object]>([
    ['bursts', { arrivals: { kind: 'bursts', rate: 10, peak: 100, every: 40, length: 10 } }],
    ['ramp', { arrivals: { kind: 'ramp', from: 0, to: 100, length: 50, pageSize: 6 } }],
    ['diurnal', { arrivals: { kind: 'diurnal', low: 0, high: 100, period: 50 } }],
    ['steps', { arrivals: { kind: 'steps', steps: [{ at: 0, rate: 10 }] } }],
    ['trace', { arrivals: { kind: 'trace', requests: [{ at: 1, service: 2, key: 'a', weight: 1 }] } }],
    ['constant', { service: { kind: 'constant', value: 5 } }],
    ['logNormal', { service: { kind: 'logNormal', mean: 5, sigma: 1 } }],
    ['bimodal', { service: { kind: 'bimodal', short: 1, long: 10, shareOfLong: 0.1 } }],
    ['uniform', { service: { kind: 'uniform', low: 1, high: 10 } }],
    ['unlimited', { server: { kind: 'unlimited', changes: [{ at: 10, speed: 0.5 }] } }],
    ['processorSharing', { server: { kind: 'processorSharing', cores: 2 } }],
    ['usl', { server: { kind: 'usl', sigma: 0.05, kappa: 0.0005 } }],
    ['codel', { candidates: [{ permits: 1, queue: { kind: 'codel', target: 10 }, queueTimeout: 100 }] }],
    ['adaptiveLifo', { candidates: [{ permits: 1, queue: { kind: 'adaptiveLifo', limit: 10 } }] }],
    [
      'clients',
      {
        clients: {
          patience: { kind: 'exponential', mean: 100 },
          whenLeft: 'release',
          outcomeWhenLeft: 'dropped',
          keys: { count: 3, skew: 1 },
          priorities: [{ priority: 1, share: 0.5 }],
          weights: [{ weight: 1, share: 1 }],
          retries: { tries: 3, obey: false, afterLeaving: true, reasons: ['full'], backoff: { base: 10 } },
        },
      },
    ],
  ])('may have %s', async (_name, changes) => {
    const [status, printed] = await run(file('small.json', { ...small, ...changes }))
    expect(printed).not.toContain('lineclear-simulate:')
    expect(status).toBe(0)
  })

  test.each<[object, string]>([
    [{ duratoin: 5 }, 'duratoin is not known; the scenario may have name, seed, duration'],
    [{ duration: '5' }, 'duration must be a number; received "5"'],
    [{ arrivals: undefined }, 'arrivals must be an object; received nothing'],
    [
      { arrivals: { kind: 'poison' } },
      'arrivals.kind must be one of poisson, bursts, ramp, diurnal, steps, trace; received "poison"',
    ],
    [{ arrivals: { kind: 'poisson', rate: -1 } }, 'arrivals: poisson rate must be more than 0; received -1'],
    [
      { arrivals: { kind: 'steps', steps: [{ at: 0 }] } },
      'arrivals.steps[0].rate must be a number; received nothing',
    ],
    [{ service: { kind: 'exponential' } }, 'service.mean must be a number; received nothing'],
    [
      { server: { kind: 'pool', servers: 1.5 } },
      'server: pool servers must be a whole number of at least 1; received 1.5',
    ],
    [
      { clients: { whenLeft: 'stop' } },
      'clients.whenLeft must be one of finish, release, cancel; received "stop"',
    ],
    [{ candidates: [] }, 'candidates must be a list of at least one; received []'],
    [
      { candidates: [{ permits: -1 }] },
      'candidates[0].permits must be a whole number of at least 1; received -1',
    ],
    [
      { candidates: [{ permits: 1 }, { permits: 0 }] },
      'candidates[1].permits must be a whole number of at least 1; received 0',
    ],
    [
      { candidates: [{ permits: 1, queue: null }] },
      'candidates[0].queue must be a number or an object such as { "kind": "lifo", "limit": 100 }; received null',
    ],
    [
      { candidates: [{ permits: 1, queue: 'lifo' }] },
      'candidates[0].queue must be a number or an object such as { "kind": "lifo", "limit": 100 }; received "lifo"',
    ],
    [
      { candidates: [{ permits: 1, queue: { kind: 'fife' } }] },
      'candidates[0].queue.kind must be one of fifo, lifo',
    ],
    [{ candidates: [{ permits: 1, queue: { kind: 'fifo', size: 1 } }] }, 'candidates[0].queue: fifo'],
    [{ candidates: [{ limiter: 'none', permits: 3 }] }, 'candidates[0].permits is not known'],
  ])('that is wrong is refused, with the field and the value: %j', (changes, message) => {
    expect(() => readScenario({ ...small, ...changes })).toThrow(message)
  })
})

describe('the command', () => {
  test('says what it wants', async () => {
    expect((await run('--help'))[0]).toBe(0)
    expect((await run('--help'))[1]).toContain('lineclear-simulate <scenario.json>')
    expect(await run()).toEqual([2, expect.stringContaining('one scenario file is wanted; received 0')])
    expect(await run('--sede', '1')).toEqual([2, expect.stringContaining("Unknown option '--sede'")])
    expect(await run(join(folder, 'none.json'))).toEqual([2, expect.stringContaining('no such file')])
    expect(await run(file('broken.json', '{'))).toEqual([
      2,
      expect.stringContaining('broken.json is not JSON'),
    ])
    expect(await run(file('a.json', overload), '--seed', 'x')).toEqual([
      2,
      expect.stringContaining('--seed must be a number; received x'),
    ])
  })
})

test('figures have three digits and percentages are never rounded to all or nothing', () => {
  expect([0.31249, 15.23, 1001.6, 20, Number.NaN].map(figure)).toEqual(['0.312', '15.2', '1002', '20', '-'])
  expect(
    [
      [0, 10],
      [1, 1e6],
      [1, 8],
      [3, 1000],
      [999_999, 1e6],
      [10, 10],
      [0, 0],
    ].map(([part = 0, whole = 0]) => percent(part, whole)),
  ).toEqual(['0 %', '< 0.01 %', '12.5 %', '0.3 %', '> 99.99 %', '100 %', '-'])
  expect(table(['', 'b'], [['aa', '1']])).toBe('    b\n--  -\naa  1')
})

describe('the page', () => {
  const page = async (changes: object = {}): Promise<string> => {
    const path = join(folder, 'page.html')
    const [status, printed] = await run(file('page.json', { ...overload, ...changes }), '--html', path)
    expect([status, printed.split('\n').at(-1)]).toEqual([0, `plots: ${path}`])
    return readFileSync(path, 'utf8')
  }

  test('has a plot of each over time, with a line for each candidate', async () => {
    const html = await page()
    for (const title of [
      'Offered',
      'Goodput',
      'In use, and the limit',
      'Waiting',
      'Refused',
      'Latency, p50',
      'Latency, p99',
    ]) {
      expect(html).toContain(`<figcaption>${title} `)
    }
    expect(html.match(/<svg/g)).toHaveLength(7)
    expect(html.match(/class="line common"/g)).toHaveLength(1)
    for (const candidate of [0, 1, 2, 3]) {
      expect(html.match(new RegExp(`class="line c${candidate}"`, 'g'))).toHaveLength(6)
    }
    expect(html).not.toContain('NaN')
    expect(html).not.toContain('Infinity')
    expect(html).not.toContain('undefined')
  })

  test('draws what was simulated, to scale', async () => {
    const requests = [0, 0, 2500].map((at) => ({ at, service: 500 }))
    const html = await page({
      duration: 4000,
      arrivals: { kind: 'trace', requests },
      server: undefined,
      candidates: [{ permits: 5 }],
    })
    const [, inUse] = /In use.*?class="line c0" d="(.*?)"/s.exec(html) ?? []
    // One of 6 permits on average in the first second, none in the second, half of one in the third.
    expect(inUse).toBe('M137.5 163.3L300.5 194L463.5 178.7L626.5 194')
  })

  test('needs nothing from anywhere', async () => {
    const html = await page()
    expect(html).not.toMatch(/https?:|src=|href=|@import|url\(/)
  })

  test('shows names as they are', async () => {
    const html = await page({ name: '<b>"x" & y', candidates: [{ name: '</script><i>', permits: 1 }] })
    expect(html).toContain('<h1>&#60;b&#62;&#34;x&#34; &#38; y</h1>')
    expect(html).not.toContain('<i>')
    expect(html.match(/<\/script>/g)).toHaveLength(1)
  })

  test('stays small however long the time is', async () => {
    const html = await page({ duration: 20_000, bucket: 1, arrivals: { kind: 'poisson', rate: 50 } })
    expect(html.length).toBeLessThan(400_000)
  })
})
