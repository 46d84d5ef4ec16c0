import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  type AcquireRequest,
  BoundedSemaphore,
  byPriority,
  fair,
  type Limiter,
  type Permit,
  partitioned,
} from '@lineclear/core'
import { describe, expect, test } from 'vitest'
import { flush } from './helpers.ts'
import { SEEDS, Site } from './site.ts'

const HOLD = 20
const PERMITS = 20

/** Asks, and holds what it gets for an exponential time. */
function visit(
  site: Site,
  limiter: Limiter,
  request: AcquireRequest,
  entered = () => {},
  refused = () => {},
) {
  limiter.acquire(request).then((permit) => {
    hold(site, permit)
    entered()
  }, refused)
}

function hold(site: Site, permit: Permit | undefined): void {
  site.after(site.exponential(HOLD), () => permit?.release())
}

function shuffled<T>(values: readonly T[], site: Site): T[] {
  const keyed = values.map((value) => ({ value, key: site.random() }))
  return keyed.sort((a, b) => a.key - b.key).map(({ value }) => value)
}

/** The highest, but for one in so many. */
function percentile(values: readonly number[], part: number): number {
  return values.toSorted((a, b) => a - b)[Math.ceil(values.length * part) - 1] ?? Number.NaN
}

describe.each(SEEDS)('with seed %i', (seed) => {
  test.each([
    { keys: 20, each: 2000, error: 0.001 },
    { keys: 1000, each: 150, error: 0.005 },
  ])('fair gives each of $keys saturated keys its share to within $error', async ({ keys, each, error }) => {
    const site = new Site(seed)
    const shareOf = (key: string | undefined): number => (Number(key) % 5) + 1
    const queue = fair({ limit: 10_000, share: shareOf })
    const semaphore = new BoundedSemaphore(PERMITS, { queue, clock: site.clock })
    const served = Array.from({ length: keys }, () => 0)
    let total = 0
    for (let i = 0; i < PERMITS; i++) hold(site, semaphore.tryAcquire())
    const comeAgain = (i: number): void => {
      visit(site, semaphore, { key: `${i}` }, () => {
        served[i] = (served[i] ?? 0) + 1
        total++
        comeAgain(i)
      })
    }
    // One of each waits at any time, of some several; who came first is by chance.
    const all = Array.from({ length: keys }, (_, i) => i)
    const more = Array.from({ length: 2 * keys }, () => Math.floor(site.random() * keys))
    for (const i of shuffled([...all, ...more], site)) comeAgain(i)
    // In the middle of some round; at its end all would be even.
    const enough = 3 * keys * (each + site.random())
    await site.run(() => total >= enough)
    const errors = served.map((count, i) => Math.abs((count / total) * ((3 * keys) / shareOf(`${i}`)) - 1))
    expect(Math.max(...errors)).toBeLessThanOrEqual(error)
  })

  test('fair lets in all that others ask, whatever one client floods the queue with', async () => {
    const site = new Site(seed)
    const semaphore = new BoundedSemaphore(PERMITS, { queue: fair({ limit: 100 }), clock: site.clock })
    let [entered, refused, flooded] = [0, 0, 0]
    const one = (HOLD / PERMITS) * 2
    const polite = (): void => {
      const key = `${Math.floor(site.random() * 19)}`
      visit(
        site,
        semaphore,
        { key },
        () => entered++,
        () => refused++,
      )
    }
    site.often(one, polite)
    site.often(one / 20, () => visit(site, semaphore, { key: 'flood' }, () => flooded++))
    await site.run(() => site.clock.now() > 10_000)
    expect(refused).toBe(0)
    // And the flood has all the rest.
    expect((entered + flooded) * HOLD).toBeGreaterThan(0.97 * PERMITS * 10_000)
  })

  test('partitioned gives back ten of twenty permits within 1.5 mean holds (p99)', async () => {
    const times: number[] = []
    for (let round = 0; round < 1000; round++) {
      const site = new Site(seed * 10_000 + round)
      const semaphore = partitioned({ limit: 20, shares: { gold: 10 }, clock: site.clock })
      const comeAgain = (key: string): void => visit(site, semaphore, { key }, () => comeAgain(key))
      for (let i = 0; i < 40; i++) comeAgain('bronze')
      let came = 0
      let back = 0
      let inUse = 0
      site.after(5 * HOLD, () => {
        came = site.clock.now()
        const gold = (): void => {
          void semaphore.acquire({ key: 'gold' }).then((permit) => {
            if (++inUse === 10) back = site.clock.now()
            gold()
            site.after(site.exponential(HOLD), () => {
              inUse--
              permit.release()
            })
          })
        }
        for (let i = 0; i < 20; i++) gold()
      })
      await site.run(() => back > 0)
      times.push((back - came) / HOLD)
    }
    expect(percentile(times, 0.99)).toBeLessThanOrEqual(1.5)
  })

  describe('byPriority at three times what can be served', () => {
    /** What each of two priorities asked and got, and the least of the low that waited when high ones came. */
    async function overload(highLoad: number, aging?: number) {
      const site = new Site(seed)
      const queue = byPriority({ limit: 100, floor: 50, aging })
      const semaphore = new BoundedSemaphore(PERMITS, { queue, clock: site.clock })
      const asked = [0, 0]
      const got = [0, 0]
      let lowWaiting = 0
      let pushedTo = Infinity
      const come = (priority: 0 | 1): void => {
        asked[priority] = (asked[priority] ?? 0) + 1
        const before = lowWaiting
        if (priority === 0) lowWaiting++
        visit(
          site,
          semaphore,
          { priority },
          () => {
            got[priority] = (got[priority] ?? 0) + 1
            if (priority === 0) lowWaiting--
          },
          () => {
            if (priority === 0) lowWaiting--
            if (priority === 0 && before > 0) pushedTo = Math.min(pushedTo, lowWaiting)
          },
        )
      }
      site.often(HOLD / PERMITS / highLoad, () => come(1))
      site.often(HOLD / PERMITS / (3 - highLoad), () => come(0))
      await site.run(() => site.clock.now() > 20_000)
      const kept = asked.map((count, i) => (got[i] ?? 0) / count)
      return { low: kept[0], high: kept[1], pushedTo, served: (got[0] ?? 0) + (got[1] ?? 0) }
    }

    test.each([0.6, 0.9])(
      'keeps 99.5 % of the high that ask for %d of it, and the floor of the low',
      async (load) => {
        const { high, pushedTo, served } = await overload(load)
        expect(high).toBeGreaterThanOrEqual(0.995)
        expect(pushedTo).toBeGreaterThanOrEqual(50)
        expect(served * HOLD).toBeGreaterThan(0.97 * PERMITS * 20_000)
      },
    )

    test('serves half of the low that ask for half of it with aging, though the high are far too many', async () => {
      const { low, pushedTo } = await overload(2.5, 100)
      expect(low).toBeGreaterThanOrEqual(0.5)
      expect(pushedTo).toBeGreaterThanOrEqual(50)
      expect((await overload(2.5)).low).toBeLessThan(0.01)
    })
  })
})

describe('without end, different', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void

  /** How many MB are left of so many requests. */
  async function remains(
    count: number,
    semaphore: BoundedSemaphore,
    request: (i: number) => AcquireRequest,
  ): Promise<number> {
    collect()
    const before = process.memoryUsage().heapUsed
    for (let i = 0; i < count; i++) {
      semaphore.acquire(request(i)).catch(() => {})
      if (i % 10_000 === 0) await flush()
    }
    await flush()
    collect()
    return (process.memoryUsage().heapUsed - before) / 1e6
  }

  test('keys that fair refuses leave nothing, after a million', { timeout: 60_000 }, async () => {
    const semaphore = new BoundedSemaphore(1, { queue: fair({ limit: 100 }) })
    semaphore.tryAcquire()
    const mb = await remains(1e6, semaphore, (i) => ({ key: `key ${i}` }))
    expect(semaphore.waiting).toBe(100)
    expect(mb).toBeLessThan(2)
  })

  test('keys that fair serves leave little', { timeout: 60_000 }, async () => {
    const semaphore = new BoundedSemaphore(1, { queue: fair({ limit: 100 }) })
    semaphore.tryAcquire()
    for (let i = 0; i < 50; i++) semaphore.acquire({ key: 'standing' }).catch(() => {})
    const mb = await remains(1e5, semaphore, (i) => {
      if (semaphore.waiting > 60) semaphore.release()
      return { key: `key ${i}` }
    })
    expect(mb).toBeLessThan(2)
  })

  test('priorities, each of which pushes out another, leave nothing', { timeout: 60_000 }, async () => {
    const semaphore = new BoundedSemaphore(1, { queue: byPriority({ limit: 100 }) })
    semaphore.tryAcquire()
    const mb = await remains(1e5, semaphore, (i) => ({ priority: i / 7 }))
    expect(semaphore.waiting).toBe(100)
    expect(mb).toBeLessThan(2)
  })
})
