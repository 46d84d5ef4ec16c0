import {
  bimodal,
  bursts,
  choice,
  constant,
  type Distribution,
  diurnal,
  exponential,
  keys,
  logNormal,
  pages,
  poisson,
  Random,
  ramp,
  steps,
  trace,
  uniform,
  varying,
} from '@lineclear/simulator'
import { describe, expect, test } from 'vitest'

const COUNT = 200_000

function draw(distribution: Distribution, seed = 1): number[] {
  const random = new Random(seed)
  return Array.from({ length: COUNT }, () => distribution(random))
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length
const deviation = (values: readonly number[]): number => {
  const middle = mean(values)
  return Math.sqrt(mean(values.map((value) => (value - middle) ** 2)))
}
const percentile = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor(share * values.length)] as number

describe('Random', () => {
  test('is xoshiro128**, as its authors publish it', () => {
    const random = Random.from([1, 2, 3, 4])
    expect(Array.from({ length: 6 }, () => random.word())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492,
    ])
  })

  test('makes the same numbers from the same names, and others from others', () => {
    const three = (...names: (string | number)[]): number[] => {
      const random = new Random(...names)
      return [random.next(), random.next(), random.next()]
    }
    expect(three(1, 'arrivals')).toEqual(three(1, 'arrivals'))
    expect(three(1, 'arrivals')).not.toEqual(three(2, 'arrivals'))
    expect(three(1, 'arrivals')).not.toEqual(three(1, 'service'))
  })

  test('is even over tenths, and one number says nothing of the next', () => {
    const numbers = draw((random) => random.next())
    const tenths = new Array<number>(10).fill(0)
    for (const number of numbers) tenths[Math.floor(number * 10)] = (tenths[Math.floor(number * 10)] ?? 0) + 1
    // Chi square with 9 degrees of freedom: 27.9 is exceeded once in a thousand.
    const chi = tenths.reduce((sum, count) => sum + (count - COUNT / 10) ** 2 / (COUNT / 10), 0)
    expect(chi).toBeLessThan(27.9)
    const serial = mean(numbers.slice(1).map((number, i) => (number - 0.5) * ((numbers[i] as number) - 0.5)))
    expect(Math.abs(serial * 12)).toBeLessThan(0.01)
  })
})

describe.each([1, 2, 3])('with seed %i, by the formulas of each distribution:', (seed) => {
  test.each<[name: string, Distribution, mean: number, deviation: number, p50: number, p99: number]>([
    ['exponential', exponential(20), 20, 20, 20 * Math.LN2, 20 * Math.log(100)],
    // mu = ln 20 - 1/2; the 99th percentile of a normal is 2.3263.
    [
      'logNormal',
      logNormal(20, 1),
      20,
      20 * Math.sqrt(Math.E - 1),
      20 * Math.exp(-0.5),
      20 * Math.exp(2.3263 - 0.5),
    ],
    ['bimodal', bimodal(10, 110, 0.1), 20, 30, 10, 110],
    ['constant', constant(20), 20, 0, 20, 20],
    ['uniform', uniform(10, 30), 20, 20 / Math.sqrt(12), 20, 29.8],
  ])('%s has its mean, deviation, p50 and p99', (_name, distribution, ...expected) => {
    const values = draw(distribution, seed)
    const found = [mean(values), deviation(values), percentile(values, 0.5), percentile(values, 0.99)]
    for (const [i, value] of found.entries()) {
      expect(Math.abs(value - (expected[i] as number))).toBeLessThanOrEqual(0.03 * (expected[i] as number))
    }
  })
})

describe('choice', () => {
  const countOf = <T>(values: readonly T[], wanted: T): number =>
    values.filter((value) => value === wanted).length

  test('gives each value its share', () => {
    const pick = choice([
      ['a', 1],
      ['b', 3],
    ])
    const random = new Random(1)
    const picked = Array.from({ length: 10_000 }, () => pick(random))
    expect(Math.abs(countOf(picked, 'a') - 2500)).toBeLessThan(200)
    expect(countOf(picked, 'a') + countOf(picked, 'b')).toBe(10_000)
  })

  test('keys with skew 1 follow Zipf', () => {
    const random = new Random(1)
    const key = keys(3, 1)
    const picked = Array.from({ length: 11_000 }, () => key(random))
    expect(Math.abs(countOf(picked, 'k1') - 6000)).toBeLessThan(250)
    expect(Math.abs(countOf(picked, 'k3') - 2000)).toBeLessThan(200)
  })
})

describe('arrivals', () => {
  /** How many come in each part of so many ms. */
  function countPer(arrivals: ReturnType<typeof poisson>, part: number, parts: number, seed = 1): number[] {
    const counts = new Array<number>(parts).fill(0)
    const each = arrivals(new Random(seed))
    let last = 0
    for (let next = each.next(); next.done !== true; next = each.next()) {
      const { at } = next.value
      if (at < last) throw new Error(`${at} came after ${last}`)
      last = at
      if (at >= part * parts) break
      const index = Math.floor(at / part)
      counts[index] = (counts[index] as number) + 1
    }
    return counts
  }

  /** Expects counts within five deviations of a Poisson variable. */
  function expectCounts(counts: readonly number[], expected: readonly number[]): void {
    for (const [i, count] of counts.entries()) {
      const rate = expected[i] as number
      expect(Math.abs(count - rate), `${count} in part ${i}, not ${rate}`).toBeLessThanOrEqual(
        5 * Math.sqrt(rate),
      )
    }
  }

  test('poisson: the counts of a second have the mean and the variance of its rate', () => {
    const counts = countPer(poisson(50), 1000, 2000)
    expect(Math.abs(mean(counts) - 50)).toBeLessThan(0.8)
    expect(Math.abs(deviation(counts) ** 2 - 50)).toBeLessThan(8)
  })

  test('steps, bursts and ramp come at their rates', () => {
    expectCounts(
      countPer(
        steps([
          [0, 100],
          [10_000, 3000],
          [20_000, 0],
          [30_000, 10],
        ]),
        10_000,
        4,
      ),
      [1000, 30_000, 0, 100],
    )
    expectCounts(
      countPer(bursts({ rate: 100, peak: 2000, every: 4000, length: 1000 }), 1000, 9),
      [100, 100, 100, 100, 2000, 100, 100, 100, 2000],
    )
    expectCounts(countPer(ramp(0, 1000, 4000), 1000, 6), [125, 375, 625, 875, 1000, 1000])
  })

  test('diurnal is a cosine: its quarters have what the integral says', () => {
    const small = 1000 * (0.5 - 1 / Math.PI)
    const large = 1000 * (0.5 + 1 / Math.PI)
    expectCounts(countPer(diurnal(0, 1000, 4000), 1000, 4), [small, large, large, small])
  })

  test('varying refuses a rate above what it was told', () => {
    expect(() =>
      countPer(
        varying(() => 11, 10),
        1000,
        1,
      ),
    ).toThrow('rate must be from 0 to 10 requests a second')
  })

  test('pages come at once, as many', () => {
    expectCounts(countPer(pages(poisson(100), 6), 10_000, 1), [6000])
    const six = pages(poisson(100), 6)(new Random(1))
    const times = Array.from({ length: 12 }, () => (six.next().value as { at: number }).at)
    expect(new Set(times).size).toBe(2)
  })

  test('a trace is what was recorded, and says so if it is out of order', () => {
    const recorded = [{ at: 1, service: 5 }, { at: 1, key: 'a' }, { at: 2 }]
    expect([...(trace(recorded)(new Random(1)) as Generator)]).toEqual(recorded)
    expect(() => [...(trace([{ at: 2 }, { at: 1 }])(new Random(1)) as Generator)]).toThrow(
      'trace must be in the order of its times; received 1 after 2',
    )
  })
})

test('bad arguments are named, with the value', () => {
  expect(() => poisson(0)).toThrow('poisson rate must be more than 0; received 0')
  expect(() => exponential(Number.NaN)).toThrow('exponential mean must be more than 0; received NaN')
  expect(() => bimodal(1, 2, 1.5)).toThrow('bimodal shareOfLong must be from 0 to 1; received 1.5')
  expect(() => logNormal('20' as unknown as number, 1)).toThrow(
    'logNormal mean must be a number; received "20"',
  )
  expect(() => keys(0)).toThrow('keys count must be a whole number of at least 1; received 0')
  expect(() => choice([])).toThrow('choice needs at least one value; received none')
})
