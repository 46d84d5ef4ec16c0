import { BoundedSemaphore, type Limiter } from '@lineclear/core'
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

  it('goes by the mean hold, the latest a fiftieth', () => {
    const { calendar } = calendarWith({ limit: 1 })
    calendar.held(1000, 1)
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
