// What CPython's own tests ask of asyncio's Semaphore, in our words.
import { BoundedSemaphore, RejectedError, run, Semaphore } from '@lineclear/core'
import { describe, expect, test } from 'vitest'
import { ask, flush, noteOrder, outcomes } from './helpers.ts'

describe('as in asyncio', () => {
  test('a value of 0 is legal, and locked from the start', () => {
    const semaphore = new Semaphore(0)
    expect(semaphore.value).toBe(0)
    expect(semaphore.locked).toBe(true)
  })

  test('the value is 1 unless given, and a negative one is an error', () => {
    expect(new Semaphore().value).toBe(1)
    expect(new Semaphore().locked).toBe(false)
    expect(() => new Semaphore(-1)).toThrow(RangeError)
    expect(() => new BoundedSemaphore(-1)).toThrow(RangeError)
  })

  test('the text shows the value only when unlocked, and the waiters only when there are some', async () => {
    const semaphore = new Semaphore(1)
    expect(String(semaphore)).toBe('Semaphore [unlocked, value:1]')
    await semaphore.acquire()
    expect(String(semaphore)).toBe('Semaphore [locked]')
    ask(semaphore)
    expect(String(semaphore)).toBe('Semaphore [locked, waiters:1]')
    ask(semaphore)
    expect(String(semaphore)).toBe('Semaphore [locked, waiters:2]')
    expect(String(new BoundedSemaphore(3))).toBe('BoundedSemaphore [unlocked, value:3]')
  })

  test('with two of three permits taken it is not locked', async () => {
    const semaphore = new Semaphore(3)
    expect(await semaphore.acquire()).toBeTruthy()
    expect(await semaphore.acquire()).toBeTruthy()
    expect(semaphore.value).toBe(1)
    expect(semaphore.locked).toBe(false)
    await semaphore.acquire()
    expect(semaphore.locked).toBe(true)
  })

  test('releases go straight to waiters: the value stays 0 and two of three contenders go on', async () => {
    const semaphore = new Semaphore(1)
    const log: unknown[] = []
    const first = noteOrder(semaphore, log, 1)
    const contenders = [2, 3, 4].map((name) => noteOrder(semaphore, log, name))
    await first.settled
    expect(log).toEqual([1])
    expect(semaphore.locked).toBe(true)
    expect(semaphore.waiting).toBe(3)

    semaphore.release()
    semaphore.release()
    expect(semaphore.value).toBe(0)
    await flush()
    expect(semaphore.value).toBe(0)
    expect(log).toEqual([1, 2, 3])
    expect(outcomes(contenders)).toEqual(['permit', 'permit', 'pending'])
    expect(semaphore.locked).toBe(true)
    expect(semaphore.waiting).toBe(1)
  })

  test('a cancelled waiter leaves no trace', async () => {
    const semaphore = new Semaphore(1)
    await semaphore.acquire()
    const controller = new AbortController()
    const waiter = ask(semaphore, { signal: controller.signal })
    controller.abort()
    expect(await waiter.settled).toBe(controller.signal.reason)
    expect(semaphore.waiting).toBe(0)
    semaphore.release()
    expect(semaphore.value).toBe(1)
    expect(semaphore.locked).toBe(false)
  })

  test('two of four cancelled and a release in the same turn: the third goes on, the fourth waits', async () => {
    const semaphore = new Semaphore(0)
    const controllers = [new AbortController(), new AbortController()]
    const cancelled = controllers.map(({ signal }) => ask(semaphore, { signal }))
    const [third, fourth] = [ask(semaphore), ask(semaphore)]
    await flush()
    for (const controller of controllers) controller.abort()
    semaphore.release()
    await flush()
    expect(outcomes(cancelled)).toEqual(controllers.map(({ signal }) => signal.reason))
    expect(outcomes([third, fourth])).toEqual(['permit', 'pending'])
    expect(semaphore.locked).toBe(true)
  })

  test('a cancelled head cannot swallow a release', async () => {
    const semaphore = new Semaphore(0)
    const controller = new AbortController()
    ask(semaphore, { signal: controller.signal })
    const next = ask(semaphore)
    await flush()
    controller.abort()
    semaphore.release()
    await flush()
    expect(semaphore.locked).toBe(true)
    expect(next.outcome).toBe('permit')
  })

  test('a waiter woken and then cancelled before it runs never runs, and its permit survives', async () => {
    const semaphore = new Semaphore(1)
    const controller = new AbortController()
    const ran: string[] = []
    const first = semaphore.acquire().then((permit) => {
      ran.push('first')
      permit.release()
      controller.abort()
    })
    const second = run(semaphore, () => ran.push('second'), { signal: controller.signal })
    await first
    await expect(second).rejects.toBe(controller.signal.reason)
    expect(ran).toEqual(['first'])
    expect(await semaphore.acquire()).toBeTruthy()
  })

  test('nor does one run that is cancelled by whoever awaits the work before it', async () => {
    const semaphore = new BoundedSemaphore(1)
    const controller = new AbortController()
    const ran: string[] = []
    const first = run(semaphore, () => ran.push('first')).then(() => controller.abort())
    const second = run(semaphore, () => ran.push('second'), { signal: controller.signal })
    await first
    await expect(second).rejects.toBe(controller.signal.reason)
    expect(ran).toEqual(['first'])
    expect(semaphore.inUse).toBe(0)
  })

  test('releasing a bounded semaphore more often than it was acquired is an error', () => {
    const semaphore = new BoundedSemaphore(1)
    expect(() => semaphore.release()).toThrow(RangeError)
    expect(semaphore.value).toBe(1)
  })

  test('a release with nobody waiting unlocks', async () => {
    const semaphore = new Semaphore(1)
    await semaphore.acquire()
    expect(semaphore.locked).toBe(true)
    semaphore.release()
    expect(semaphore.locked).toBe(false)
  })

  test('three that come back strictly alternate', async () => {
    const semaphore = new Semaphore(1)
    const log: string[] = []
    const comeTwice = async (name: string): Promise<void> => {
      for (const round of [1, 2]) {
        await semaphore.acquire()
        log.push(`${name}${round}`)
        await flush()
        semaphore.release()
      }
    }
    await Promise.all([comeTwice('a'), comeTwice('b'), comeTwice('c')])
    expect(log).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'c2'])
  })

  test('one that releases and comes back queues behind those who wait', async () => {
    const semaphore = new Semaphore(1)
    const log: number[] = []
    const once = async (name: number): Promise<void> => {
      await semaphore.acquire()
      log.push(name)
    }
    const comesBack = async (): Promise<void> => {
      await once(2)
      semaphore.release()
      await once(4)
    }
    const all = [once(1), comesBack(), once(3)]
    await flush()
    semaphore.release(2)
    await Promise.all(all)
    expect(log).toEqual([1, 2, 3, 4])
  })

  test('the order outlives a cancelled head', async () => {
    const semaphore = new Semaphore(0)
    const log: unknown[] = []
    const controller = new AbortController()
    noteOrder(semaphore, log, 1, { signal: controller.signal })
    noteOrder(semaphore, log, 2)
    noteOrder(semaphore, log, 3)
    await flush()
    controller.abort()
    await flush()
    semaphore.release()
    semaphore.release()
    await flush()
    expect(log).toEqual([2, 3])
  })

  test('with a spare permit it is locked until the woken waiter has run, whose success cascades', async () => {
    const semaphore = new Semaphore(0)
    const log: number[] = []
    const woken = semaphore.acquire().then(() => {
      expect(semaphore.value).toBe(0)
      log.push(1)
    })

    semaphore.release(3)
    expect(semaphore.value).toBe(2)
    expect(semaphore.locked).toBe(true)
    expect(semaphore.tryAcquire()).toBeUndefined()
    const second = semaphore.acquire().then(() => log.push(2))
    const third = semaphore.acquire().then(() => log.push(3))
    expect(semaphore.value).toBe(0)

    await Promise.all([woken, second, third])
    expect(log).toEqual([1, 2, 3])
    expect(semaphore.locked).toBe(true)
    semaphore.release()
    expect(semaphore.locked).toBe(false)
  })
})

describe('the tutorial', () => {
  test('of three workers with two permits the third starts only after a release', async () => {
    const semaphore = new Semaphore(2)
    const printed: string[] = []
    const worker = async (name: string): Promise<void> => {
      await semaphore.acquire()
      printed.push(`${name} acquired`)
    }
    const workers = ['one', 'two', 'three'].map(worker)
    await flush()
    expect(printed).toEqual(['one acquired', 'two acquired'])
    semaphore.release()
    await Promise.all(workers)
    expect(printed).toEqual(['one acquired', 'two acquired', 'three acquired'])
  })

  test('a bounded semaphore released once too often throws, an unbounded one grows', async () => {
    const [bounded, unbounded] = [new BoundedSemaphore(2), new Semaphore(2)]
    for (const semaphore of [bounded, unbounded]) {
      await semaphore.acquire()
      semaphore.release()
    }
    expect(() => bounded.release()).toThrow('released too often')
    unbounded.release()
    expect([bounded.value, unbounded.value]).toEqual([2, 3])
  })

  test('a second release while another is inside goes unnoticed, unlike one of a permit', async () => {
    const semaphore = new BoundedSemaphore(2)
    const permit = await semaphore.acquire()
    await semaphore.acquire()
    permit.release()
    permit.release()
    expect(semaphore.inUse).toBe(1)
    semaphore.release()
    expect(semaphore.inUse).toBe(0)
  })

  test('a rejection can be told from any other error', async () => {
    const semaphore = new Semaphore(0, { queue: 0 })
    await expect(semaphore.acquire()).rejects.toBeInstanceOf(RejectedError)
  })
})
