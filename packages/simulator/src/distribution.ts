import { checkDuration, wrongType } from '@lineclear/core/check'
import { checkPositive, checkShare } from './check.ts'
import type { Random } from './random.ts'

/** Draws one number, such as a service time in ms. Anything that does so will do. */
export type Distribution = (random: Random) => number

/** Always the same. */
export function constant(value: number): Distribution {
  checkDuration('constant value', value)
  return () => value
}

/** Memoryless, with this mean. Its deviation is as large as its mean. */
export function exponential(mean: number): Distribution {
  checkPositive('exponential mean', mean)
  return (random) => mean * random.exponential()
}

/**
 * Many short, few long: the logarithm is normally distributed.
 *
 * @param mean the mean of the values themselves, not of their logarithms.
 * @param sigma deviation of the logarithm; at 1 the 99th percentile is 6 times the mean.
 */
export function logNormal(mean: number, sigma: number): Distribution {
  checkPositive('logNormal mean', mean)
  checkDuration('logNormal sigma', sigma)
  const mu = Math.log(mean) - sigma ** 2 / 2
  return (random) => Math.exp(mu + sigma * random.normal())
}

/** One of two values: `long` with the given probability, else `short`. */
export function bimodal(short: number, long: number, shareOfLong: number): Distribution {
  checkDuration('bimodal short', short)
  checkDuration('bimodal long', long)
  checkShare('bimodal shareOfLong', shareOfLong)
  return (random) => (random.next() < shareOfLong ? long : short)
}

/** Anything from `low` to below `high`. */
export function uniform(low: number, high: number): Distribution {
  checkDuration('uniform low', low)
  checkDuration('uniform high', high)
  return (random) => low + (high - low) * random.next()
}

/** One of these values, each as often as its share of all shares says. */
export function choice<T>(shares: Iterable<readonly [value: T, share: number]>): (random: Random) => T {
  const values: T[] = []
  const upTo: number[] = []
  let sum = 0
  for (const [value, share] of shares) {
    checkPositive('choice share', share)
    sum += share
    values.push(value)
    upTo.push(sum)
  }
  if (values.length === 0) throw new RangeError('choice needs at least one value; received none')
  return (random) => {
    const drawn = random.next() * sum
    // The first whose share ends above what was drawn.
    let low = 0
    let high = values.length - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if ((upTo[middle] as number) > drawn) high = middle
      else low = middle + 1
    }
    return values[low] as T
  }
}

/**
 * Keys `k1`, `k2` and so on, some busier than others: the share of the n-th is 1 / n^skew. A skew of 0
 * makes all alike, 1 is Zipf's law.
 */
export function keys(count: number, skew: number = 0): (random: Random) => string {
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RangeError(`keys count must be a whole number of at least 1; received ${count}`)
  }
  checkDuration('keys skew', skew)
  return choice(Array.from({ length: count }, (_, i) => [`k${i + 1}`, 1 / (i + 1) ** skew] as const))
}

/** A distribution, or a number that means always that. */
export function distribution(name: string, value: number | Distribution): Distribution {
  if (typeof value === 'function') return value
  if (typeof value !== 'number') throw wrongType(name, 'a number or a distribution', value)
  checkDuration(name, value)
  return () => value
}
