import { all, BoundedSemaphore, keyed, type Limiter, observed } from '@lineclear/core'
import { Admission, type Rejection, WebVisit } from '@lineclear/http'
import { describe, expect, it } from 'vitest'
import { Calendar, calendarOf } from '../../packages/http/src/calendar.ts'
import { VirtualClock } from '../core/helpers.ts'

/** A limiter of so many permits, with so many waiting, and a calendar that does not spread. */
function calendarWith({ limit = 10, waiting = 0 } = {}) {
  const clock = new VirtualClock()
  const limiter = { clock, limit, waiting } as unknown as Limiter & { waiting: number }
  return { clock, limiter, calendar: new Calendar(limiter, () => 0.5) }
}

describe('the calendar of refused clients', () => {
  it('says a second as long as it knows nothing', () => {
    const { calendar } = calendarWith()
    expect([calendar.next(), calendar.next()]).toEqual([1, 1])
  })

  it('promises each a place of its own, a quarter as many as the limiter can serve', () => {
    const { calendar } = calendarWith()
    // Ten permits, each held for five seconds: two requests a second, and a promise in two seconds.
    calendar.held(5000, 1)
    const seconds = Array.from({ length: 5 }, () => calendar.next())
    expect(seconds).toEqual([2, 4, 6, 8, 10])
  })

  it('begins after those who wait', () => {
    const { calendar } = calendarWith({ waiting: 6 })
    calendar.held(5000, 1)
    expect(calendar.next()).toBe(5)
  })

  it('goes by the clock: places that have passed are given to nobody', () => {
    const { calendar, clock } = calendarWith()
    calendar.held(5000, 1)
    calendar.next()
    calendar.next()
    clock.advance(3000)
    expect(calendar.next()).toBe(3)
    clock.advance(100_000)
    expect(calendar.next()).toBe(2)
  })

  it('counts the permits that a request holds', () => {
    const { calendar } = calendarWith()
    calendar.held(5000, 3)
    expect(calendar.next()).toBe(6)
  })

  it('goes by the plain mean of the first holds, however long the first', () => {
    const { calendar } = calendarWith({ limit: 1 })
    calendar.held(9000, 1)
    for (let i = 0; i < 7; i++) calendar.held(1000, 1)
    expect(calendar.next()).toBe(8)
  })

  it('counts the latest hold as a fiftieth, after fifty', () => {
    const { calendar } = calendarWith({ limit: 1 })
    for (let i = 0; i < 100; i++) calendar.held(1000, 1)
    calendar.held(51_000, 1)
    expect(calendar.next()).toBe(8)
  })

  it('says a minute at most, and soon less when the rush is over', () => {
    const { calendar, clock } = calendarWith({ limit: 1 })
    calendar.held(1000, 1)
    const seconds = Array.from({ length: 100 }, () => calendar.next())
    expect(Math.max(...seconds)).toBe(60)
    clock.advance(40_000)
    expect(calendar.next()).toBe(24)
  })

  it('spreads by a tenth, in whole seconds', () => {
    const clock = new VirtualClock()
    const seen = new Set<number>()
    for (let i = 0; i < 1000; i++) {
      const calendar = new Calendar({ clock, limit: 10 } as unknown as Limiter)
      calendar.held(50_000, 1)
      seen.add(calendar.next())
    }
    expect([...seen].sort()).toEqual([18, 19, 20, 21, 22])
  })

  it('is one for all the routes of a limiter', () => {
    const limiter = new BoundedSemaphore(1)
    expect(calendarOf(limiter)).toBe(calendarOf(limiter))
    expect(calendarOf(new BoundedSemaphore(1))).not.toBe(calendarOf(limiter))
  })

  describe('of a limiter for each key', () => {
    function keyedCalendar() {
      const clock = new VirtualClock()
      const limiter = keyed(() => new BoundedSemaphore(1, { clock }), { maxKeys: 2 })
      const calendar = new Calendar(limiter, () => 0.5)
      calendar.held(1000, 1)
      return { clock, limiter, calendar }
    }

    it('promises to each key places of its own, from how long permits are held of all', () => {
      const { limiter, calendar } = keyedCalendar()
      for (const key of ['a', 'b']) limiter.tryAcquire({ key })
      expect(['a', 'a', 'a', 'b', undefined, 'b'].map((key) => calendar.next(key))).toEqual([
        4, 8, 12, 4, 4, 8,
      ])
    })

    it('begins after those who wait of the same key', () => {
      const { limiter, calendar } = keyedCalendar()
      for (const key of ['a', 'b']) limiter.tryAcquire({ key })
      for (let i = 0; i < 10; i++) void limiter.acquire({ key: 'a' })
      expect(['a', 'b', undefined].map((key) => calendar.next(key))).toEqual([14, 4, 4])
    })

    it('promises to keys for which there is no limiter places among those without a key', () => {
      const { limiter, calendar } = keyedCalendar()
      for (const key of ['a', 'b']) limiter.tryAcquire({ key })
      expect(['c', 'd', undefined, 'a'].map((key) => calendar.next(key))).toEqual([4, 8, 12, 4])
    })

    it('forgets what it promised to a key that is idle', () => {
      const { limiter, calendar } = keyedCalendar()
      const permit = limiter.tryAcquire({ key: 'a' })
      expect([calendar.next('a'), calendar.next('a')]).toEqual([4, 8])
      permit?.release()
      limiter.tryAcquire({ key: 'a' })
      expect(calendar.next('a')).toBe(4)
    })

    it('is asked by an admission with the key of who was refused, also in a dry run', async () => {
      const clock = new VirtualClock()
      const limiter = keyed(() => new BoundedSemaphore(1, { queue: 0, clock }))
      const told: Rejection[] = []
      const dryRun = (rejection: Rejection): void => void told.push(rejection)
      const real = new Admission({ limiter, key: (key: string) => key })
      const dry = new Admission({ limiter, key: (key: string) => key, dryRun })
      const enter = (admission: typeof real, key: string): unknown =>
        admission.enter(new WebVisit(new Request('http://localhost/')), [key])
      const first = new WebVisit(new Request('http://localhost/'))
      real.enter(first, ['a'])
      clock.advance(5000)
      first.end('success')
      for (const key of ['a', 'b', 'c']) enter(real, key)
      const seconds = async (key: string): Promise<number> =>
        Number(((await enter(real, key)) as Rejection).headers['retry-after'])
      // 5 s held / a quarter, and a tenth of spread: 18 to 22 for each first, 36 to 44 for a second.
      for (const key of ['a', 'b']) expect(await seconds(key)).toBeLessThanOrEqual(22)
      expect(await seconds('a')).toBeGreaterThanOrEqual(36)
      for (const key of ['c', 'c']) enter(dry, key)
      await Promise.resolve()
      await new Promise(setImmediate)
      const [one, two] = told.map(({ headers }) => Number(headers['retry-after']))
      expect(one).toBeLessThanOrEqual(22)
      expect(two).toBeGreaterThanOrEqual(36)
    })
  })

  describe('of limiters around others', () => {
    const told = { admitted(): void {} }

    /** Holds a permit for 5 s, of a limiter that then has none left; says when those are to come who are refused. */
    async function refusals(limiter: Limiter, clock: VirtualClock, ...after: [Limiter, string?][]) {
      const enter = (limiter: Limiter, key: string): [WebVisit, unknown] => {
        const visit = new WebVisit(new Request('http://localhost/'))
        const admission = new Admission({ limiter, key: (key: string) => key, queueTimeout: 0 })
        return [visit, admission.enter(visit, [key])]
      }
      const [visit, verdict] = enter(limiter, 'a')
      expect(verdict).toBe('admitted')
      clock.advance(5000)
      visit.end('success')
      for (const key of ['a', 'b']) limiter.tryAcquire({ key })
      const seconds: number[] = []
      for (const [limiter, key = 'a'] of after) {
        const [, refused] = enter(limiter, key)
        seconds.push(Math.round(Number(((await refused) as Rejection).headers['retry-after']) / 20))
      }
      return seconds
    }

    it('is that of the limiter whose permits they hand on', async () => {
      const clock = new VirtualClock()
      const limiter = new BoundedSemaphore(1, { clock })
      const seen = observed(limiter, told)
      // 5 s / a quarter is 20 s.
      expect(await refusals(seen, clock, [limiter], [seen], [observed(seen, told)])).toEqual([1, 2, 3])
    })

    it('is that of each key, where they stand around one for each key', async () => {
      const clock = new VirtualClock()
      const seen = observed(
        keyed(() => new BoundedSemaphore(1, { clock })),
        told,
      )
      expect(await refusals(seen, clock, [seen, 'a'], [seen, 'b'], [seen, 'a'], [seen, 'b'])).toEqual([
        1, 1, 2, 2,
      ])
    })

    it('is of all where they are taken together, and counts who waits for whichever', async () => {
      const clock = new VirtualClock()
      const limiter = all(new BoundedSemaphore(1, { clock }), new BoundedSemaphore(2, { clock }))
      expect(await refusals(limiter, clock, [limiter])).toEqual([1])
      const calendar = new Calendar(limiter, () => 0.5)
      calendar.held(5000, 1)
      for (let i = 0; i < 4; i++) void limiter.acquire()
      // After 4 x 5 s.
      expect(calendar.next()).toBe(40)
    })
  })

  it('is told by an admission how long permits are held, and how many', async () => {
    const clock = new VirtualClock()
    const limiter = new BoundedSemaphore(2, { queue: 0, clock })
    const admission = new Admission({ limiter, weight: () => 2 })
    const enter = (visit: WebVisit): unknown => admission.enter(visit, [])
    const visit = new WebVisit(new Request('http://localhost/'))
    expect(enter(visit)).toBe('admitted')
    clock.advance(10_000)
    visit.end('success')
    expect(limiter.tryAcquire({ weight: 2 })).toBeDefined()
    const refused = (await enter(new WebVisit(new Request('http://localhost/')))) as Rejection
    // 2 x 10 s held / 2 permits / a quarter.
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(36)
    expect(Number(refused.headers['retry-after'])).toBeLessThanOrEqual(44)
  })
})
