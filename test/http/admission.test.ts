import {
  type AcquireRequest,
  all,
  BoundedSemaphore,
  keyed,
  type Limiter,
  observed,
  RejectedError,
} from '@lineclear/core'
import { Admission, type Verdict, WebVisit } from '@lineclear/http'
import { describe, expect, it, vi } from 'vitest'
import { VirtualClock } from '../core/helpers.ts'

function visit(): WebVisit {
  return new WebVisit(new Request('http://localhost/'))
}

/** A limiter that never has a permit, and remembers what it was asked. */
class Refusing implements Limiter {
  readonly asked: AcquireRequest[] = []
  readonly error: unknown
  readonly timeout: number | undefined

  constructor(error: unknown, timeout?: number) {
    this.error = error
    this.timeout = timeout
  }

  tryAcquire(): undefined {}

  acquire(request: AcquireRequest = {}): Promise<never> {
    this.asked.push(request)
    return Promise.reject(this.error)
  }
}

describe('an admission', () => {
  it('answers at once when a permit is free', () => {
    expect(new Admission({ permits: 1 }).enter(visit(), [])).toBe('admitted')
  })

  it('lets a request wait 5 s, or as long as told, or as long as the limiter itself says', async () => {
    const waits: unknown[] = []
    for (const [own, queueTimeout] of [[], [undefined, 200], [300], [300, 200], [Infinity]] as const) {
      const limiter = new Refusing(new RejectedError('full'), own)
      await new Admission({ limiter, queueTimeout }).enter(visit(), [])
      waits.push(limiter.asked[0]?.timeout)
    }
    expect(waits).toEqual([5000, 200, undefined, 200, undefined])
  })

  it('lets a request wait until its deadline, in steps of 10 ms, but no longer than usual', async () => {
    const waits: unknown[] = []
    for (const [deadline, own, queueTimeout] of [
      [1234.5, undefined, undefined],
      [9, undefined, undefined],
      [-1, undefined, undefined],
      [6000, undefined, undefined],
      [6000, 300, undefined],
      [200, 300, undefined],
      [200, undefined, 100],
      [Infinity, undefined, Infinity],
      [undefined, 300, undefined],
      [Number.NaN, undefined, 100],
    ] as const) {
      const limiter = new Refusing(new RejectedError('full'), own)
      await new Admission({ limiter, queueTimeout, deadline: () => deadline }).enter(visit(), [])
      waits.push(limiter.asked[0]?.timeout)
    }
    expect(waits).toEqual([1230, 0, 0, 5000, 300, 200, 100, Infinity, undefined, 100])
  })

  it('counts what a request waits for others of its connection by the clock of the limiter', async () => {
    const clock = new VirtualClock()
    const limiter = Object.assign(new Refusing(new RejectedError('full')), { clock })
    const admission = new Admission({ limiter, queueTimeout: 500, deadline: () => 400 })
    let proceed = (): void => {}
    const behind = (): WebVisit =>
      Object.assign(visit(), {
        behind: () =>
          new Promise<void>((resolve) => {
            proceed = resolve
          }),
      })
    const first = admission.enter(behind(), [])
    clock.advance(150)
    proceed()
    expect(await first).toMatchObject({ reason: 'full' })
    expect(limiter.asked[0]?.timeout).toBe(250)
    expect(clock.timers).toBe(0)
    const second = admission.enter(behind(), [])
    clock.advance(400)
    expect(await second).toMatchObject({ reason: 'timeout' })
    expect(limiter.asked).toHaveLength(1)
  })

  it('takes a deadline that is no number for an error', () => {
    const limiter = new Refusing(new RejectedError('full'))
    const admission = new Admission({ limiter, deadline: () => '20' as never })
    expect(() => admission.enter(visit(), [])).toThrow('deadline must be a number of ms; received "20"')
    expect(limiter.asked).toEqual([])
    const free = new Admission({ permits: 1, deadline: () => '20' as never })
    expect(() => free.enter(visit(), [])).toThrow('deadline must be a number of ms; received "20"')
    expect(free.limiter.tryAcquire()).toBeDefined()
  })

  it('complains of what goes wrong in a dry run to the console, and goes on', async () => {
    const complaints = vi.spyOn(console, 'error').mockImplementation(() => {})
    const broken = new Error('broken')
    const told = new Admission({
      limiter: new Refusing(new RejectedError('full')),
      dryRun: () => {
        throw broken
      },
    })
    expect(told.enter(visit(), [])).toBe('admitted')
    await vi.waitFor(() => expect(complaints.mock.calls).toEqual([[broken]]))
    const failing = new Error('failing')
    expect(new Admission({ limiter: new Refusing(failing), dryRun: true }).enter(visit(), [])).toBe(
      'admitted',
    )
    await vi.waitFor(() => expect(complaints.mock.calls[1]).toEqual([failing]))
    const rejecting = new Error('rejecting')
    const later = new Admission({
      limiter: new Refusing(new RejectedError('full')),
      dryRun: () => Promise.reject(rejecting),
    })
    expect(later.enter(visit(), [])).toBe('admitted')
    await vi.waitFor(() => expect(complaints.mock.calls[2]).toEqual([rejecting]))
    complaints.mockRestore()
  })

  it('takes a weight above the limit of its key for all that the key has, though nobody has come yet', () => {
    const make = (key?: string): BoundedSemaphore => new BoundedSemaphore(key === 'small' ? 2 : 5)
    const told = { admitted(): void {} }
    for (const around of [
      (limiter: Limiter) => limiter,
      (limiter: Limiter) => observed(limiter, told),
      (limiter: Limiter) => all(observed(limiter, told), new BoundedSemaphore(100)),
    ]) {
      const limiter = keyed(make)
      const admission = new Admission({
        limiter: around(limiter),
        key: (key: string) => key,
        weight: () => 4,
      })
      expect(['small', 'large'].map((key) => admission.enter(visit(), [key]))).toEqual([
        'admitted',
        'admitted',
      ])
      expect(['small', 'large'].map((key) => limiter.get(key)?.inUse)).toEqual([2, 4])
    }
  })

  it("asks with the request's signal, key, weight and priority", async () => {
    const limiter = new Refusing(new RejectedError('full'))
    const request = new Request('http://localhost/', { signal: new AbortController().signal })
    const options = { limiter, key: () => 'tenant', weight: () => 3, priority: () => 7 }
    await new Admission(options).enter(new WebVisit(request), [])
    expect(limiter.asked[0]).toMatchObject({ key: 'tenant', weight: 3, priority: 7 })
    expect(limiter.asked[0]?.signal).toBe(request.signal)
  })

  it('refuses at once, without a promise, where the limiter can say so', () => {
    const admission = new Admission({ permits: 1, queue: 0 })
    expect(admission.enter(visit(), [])).toBe('admitted')
    expect(admission.enter(visit(), [])).toMatchObject({ reason: 'full', status: 503 })
  })

  it('makes no signal for a request that a full limiter refuses at once', async () => {
    let made = 0
    class Counting extends WebVisit {
      override leaving(): AbortSignal {
        made++
        return super.leaving()
      }
    }
    const limiter = new BoundedSemaphore(1, { queue: 1 })
    const admission = new Admission({ limiter })
    const enter = (): unknown => admission.enter(new Counting(new Request('http://localhost/')), [])
    expect(enter()).toBe('admitted')
    const queued = enter()
    expect([limiter.full, made]).toEqual([true, 1])
    expect(await enter()).toMatchObject({ reason: 'full' })
    expect(made).toBe(1)
    limiter.close()
    expect(await queued).toMatchObject({ reason: 'closed' })
  })

  it('passes on an error that is no rejection', async () => {
    const limiter = new Refusing(new Error('broken'))
    await expect(new Admission({ limiter }).enter(visit(), [])).rejects.toThrow('broken')
  })

  it('knows a rejection of another copy of the core', async () => {
    const foreign = Object.assign(new Error('full'), { name: 'RejectedError', reason: 'full' })
    const verdict = await new Admission({ limiter: new Refusing(foreign) }).enter(visit(), [])
    expect(verdict).toMatchObject({ reason: 'full', status: 503 })
  })

  it("prefers the limiter's own Retry-After, and names no policy of a limiter without a limit", async () => {
    const limiter = new Refusing(new RejectedError('shed', { retryAfter: 100 }))
    const verdict = (await new Admission({ limiter }).enter(visit(), [])) as Exclude<Verdict, string>
    const seconds = Number(verdict.headers['retry-after'])
    expect(seconds).toBeGreaterThanOrEqual(100)
    expect(seconds).toBeLessThanOrEqual(151)
    expect(verdict.headers).not.toHaveProperty('ratelimit-policy')
  })

  it('spreads Retry-After over half as much again, in whole seconds', async () => {
    const admission = new Admission({ limiter: new Refusing(new RejectedError('full')), retryAfter: 10 })
    const seen = new Set<number>()
    for (let i = 0; i < 500; i++) {
      const verdict = (await admission.enter(visit(), [])) as Exclude<Verdict, string>
      seen.add(Number(verdict.headers['retry-after']))
    }
    expect(Math.min(...seen)).toBe(10)
    expect(Math.max(...seen)).toBeGreaterThanOrEqual(14)
    expect(Math.max(...seen)).toBeLessThanOrEqual(15)
    expect([...seen].every(Number.isInteger)).toBe(true)
  })

  it('is not changed by an options object that changes later', async () => {
    const options = { limiter: new BoundedSemaphore(1), skip: () => false }
    const admission = new Admission(options)
    options.skip = () => true
    admission.enter(visit(), [])
    expect(options.limiter.inUse).toBe(1)
  })
})
