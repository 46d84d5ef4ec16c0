import {
  BoundedSemaphore,
  fifo,
  lifo,
  type Queue,
  type QueueHost,
  Semaphore,
  type Waiter,
} from '@lineclear/core'
import { beforeEach, describe, expect, test } from 'vitest'
import { ask, askTimes, flush, noteOrder, outcomes, take, VirtualClock } from './helpers.ts'

/** Lets everybody in, one after the other, and notes in which order. */
async function serveAll(queue: number | Queue, names: readonly number[]): Promise<unknown[]> {
  const semaphore = new BoundedSemaphore(1, { queue })
  take(semaphore)
  const log: unknown[] = []
  for (const name of names) noteOrder(semaphore, log, name)
  while (semaphore.inUse > 0) {
    semaphore.release()
    await flush()
  }
  return log
}

/** What becomes of three waiters. */
async function askThree(queue: number | Queue): Promise<unknown[]> {
  const semaphore = new BoundedSemaphore(1, { queue })
  take(semaphore)
  const waiters = askTimes(3, semaphore)
  await flush()
  return outcomes(waiters)
}

describe('fifo', () => {
  test('serves the oldest first', async () => {
    expect(await serveAll(fifo(), [1, 2, 3])).toEqual([1, 2, 3])
  })

  test('is what a number means, and the default', async () => {
    expect(await serveAll(10, [1, 2, 3])).toEqual([1, 2, 3])
    expect(await serveAll(Infinity, [1, 2, 3])).toEqual([1, 2, 3])
    expect(await askThree(2)).toEqual(['pending', 'pending', 'full'])
  })

  test('refuses the newcomer when full', async () => {
    expect(await askThree(fifo(1))).toEqual(['pending', 'full', 'full'])
    expect(await askThree(fifo(2))).toEqual(['pending', 'pending', 'full'])
    expect(await askThree(fifo(3))).toEqual(['pending', 'pending', 'pending'])
  })
})

describe('lifo', () => {
  test('serves the newest first', async () => {
    expect(await serveAll(lifo(), [1, 2, 3])).toEqual([3, 2, 1])
  })

  test('evicts the oldest when full', async () => {
    expect(await askThree(lifo(1))).toEqual(['evicted', 'evicted', 'pending'])
    expect(await askThree(lifo(2))).toEqual(['evicted', 'pending', 'pending'])
    expect(await askThree(lifo(3))).toEqual(['pending', 'pending', 'pending'])
  })

  test('lets a newcomer that fits go ahead of a heavy one that does not', async () => {
    const semaphore = new BoundedSemaphore(2, { queue: lifo() })
    take(semaphore)
    const heavy = ask(semaphore, { weight: 2 })
    const light = ask(semaphore)
    await flush()
    expect(outcomes([heavy, light])).toEqual(['pending', 'permit'])
  })
})

describe.each([
  { kind: 'fifo', make: fifo },
  { kind: 'lifo', make: lifo },
])('$kind', ({ kind, make }) => {
  test('of 0 places fails the newcomer', async () => {
    expect(await askThree(make(0))).toEqual(['full', 'full', 'full'])
  })

  test('keeps its order when somebody leaves the middle, the front or the end', async () => {
    for (const leaver of [1, 2, 3]) {
      const semaphore = new BoundedSemaphore(1, { queue: make() })
      take(semaphore)
      const controller = new AbortController()
      const log: unknown[] = []
      for (const name of [1, 2, 3]) {
        noteOrder(semaphore, log, name, name === leaver ? { signal: controller.signal } : {})
      }
      controller.abort()
      expect(semaphore.waiting).toBe(2)
      for (let i = 0; i < 2; i++) {
        semaphore.release()
        await flush()
      }
      const expected = [1, 2, 3].filter((name) => name !== leaver)
      expect(log).toEqual(kind === 'fifo' ? expected : expected.reverse())
    }
  })

  test('counts those who wait', async () => {
    const semaphore = new BoundedSemaphore(1, { queue: make(2) })
    take(semaphore)
    expect(semaphore.waiting).toBe(0)
    askTimes(3, semaphore)
    expect(semaphore.waiting).toBe(2)
    semaphore.release()
    expect(semaphore.waiting).toBe(1)
  })

  test.each([-1, 1.5, Number.NaN, -Infinity])('has no limit of %s', (limit) => {
    expect(() => make(limit)).toThrow(RangeError)
    expect(() => make(limit)).toThrow(`${kind} limit must be a whole number of at least 0; received ${limit}`)
  })

  test('takes its limit bare or as an option', async () => {
    expect(await askThree(make({ limit: 2 }))).toEqual(await askThree(make(2)))
    expect(await askThree(make({}))).toEqual(['pending', 'pending', 'pending'])
    expect(() => make({ size: 2 } as never)).toThrow(`${kind} has no option "size"; it knows limit`)
    expect(() => make({ limit: -1 })).toThrow(
      `${kind} limit must be a whole number of at least 0; received -1`,
    )
  })

  test.each(['5', null, []])('has no limit of another type: %s', (limit) => {
    expect(() => make(limit as never)).toThrow(TypeError)
    expect(() => make(limit as never)).toThrow(`${kind} limit must be a number; received`)
  })
})

describe('a queue', () => {
  test('given to two semaphores throws', () => {
    const queue = fifo(1)
    new Semaphore(1, { queue })
    expect(() => new BoundedSemaphore(1, { queue })).toThrow(
      new TypeError('queue already belongs to a semaphore; give each its own'),
    )
  })

  test('given to a semaphore that could not be made is still free', () => {
    const queue = fifo(1)
    expect(() => new Semaphore(-1, { queue })).toThrow(RangeError)
    expect(() => new Semaphore(1, { queue, timeout: -1 })).toThrow(RangeError)
    expect(() => new Semaphore(1, { queue })).not.toThrow()
  })
})

describe('full', () => {
  test.each([
    ['fifo(2)', () => fifo(2), [false, false, true]],
    ['fifo(0)', () => fifo(0), [true, true, true]],
    ['fifo()', () => fifo(), [false, false, false]],
    // It makes room by evicting the oldest.
    ['lifo(2)', () => lifo(2), [false, false, false]],
    ['lifo(0)', () => lifo(0), [true, true, true]],
  ])('says whether a newcomer to %s would be refused, after each of three', (_, queue, expected) => {
    const semaphore = new BoundedSemaphore(1, { queue: queue() })
    take(semaphore)
    const seen = expected.map(() => {
      const { full } = semaphore
      ask(semaphore)
      return full
    })
    expect(seen).toEqual(expected)
  })

  test('is true of a closed semaphore, and false with a queue that does not say', () => {
    const closed = new Semaphore()
    closed.close()
    const { full, ...silent } = {
      full: true,
      size: 0,
      push: () => undefined,
      peek: () => undefined,
      remove() {},
    }
    expect([closed.full, new Semaphore(1, { queue: silent }).full]).toEqual([full, false])
  })
})

describe('a queue of the user', () => {
  /** The highest priority goes next; a full queue turns away the lowest. */
  class ByPriority implements Queue {
    readonly seen: Waiter[] = []
    readonly #waiters: Waiter[] = []

    get size(): number {
      return this.#waiters.length
    }

    push(newcomer: Waiter): Waiter | undefined {
      this.seen.push(newcomer)
      this.#waiters.push(newcomer)
      this.#waiters.sort((a, b) => b.priority - a.priority)
      return this.size > 3 ? this.#waiters.pop() : undefined
    }

    peek(): Waiter | undefined {
      return this.#waiters[0]
    }

    remove(waiter: Waiter): void {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
    }
  }

  test('decides who goes next and who is turned away', async () => {
    const semaphore = new BoundedSemaphore(1, { queue: new ByPriority() })
    take(semaphore)
    const log: unknown[] = []
    const all = [2, 1, 4, 3, 0].map((priority) => noteOrder(semaphore, log, priority, { priority }))
    for (let i = 0; i < 3; i++) {
      semaphore.release()
      await flush()
    }
    expect(log).toEqual([4, 3, 2])
    expect(outcomes(all)).toEqual(['permit', 'evicted', 'permit', 'permit', 'full'])
  })

  test('is told the weight, the priority and the key', () => {
    const queue = new ByPriority()
    const semaphore = new BoundedSemaphore(2, { queue })
    take(semaphore)
    ask(semaphore, { weight: 2, priority: 5, key: 'a' })
    ask(semaphore)
    expect(queue.seen).toMatchObject([
      { weight: 2, priority: 5, key: 'a' },
      { weight: 1, priority: 0, key: undefined },
    ])
  })

  test('that turns away a heavy waiter lets those go that it held back', async () => {
    const queue = new ByPriority()
    const semaphore = new BoundedSemaphore(2, { queue })
    take(semaphore)
    const controller = new AbortController()
    const heavy = ask(semaphore, { weight: 2, priority: 9, signal: controller.signal })
    const light = ask(semaphore)
    controller.abort()
    expect(await heavy.settled).toBe(controller.signal.reason)
    expect(await light.settled).toBe('permit')
  })

  test('may push out a heavy head for a newcomer, which then goes in', async () => {
    class OnlyNewest extends ByPriority {
      override push(newcomer: Waiter): Waiter | undefined {
        const loser = this.peek()
        if (loser !== undefined) this.remove(loser)
        super.push(newcomer)
        return loser
      }
    }
    const semaphore = new BoundedSemaphore(2, { queue: new OnlyNewest() })
    take(semaphore)
    const heavy = ask(semaphore, { weight: 2 })
    const light = ask(semaphore)
    await flush()
    expect(outcomes([heavy, light])).toEqual(['evicted', 'permit'])
  })

  describe('that wants to know', () => {
    class Curious extends ByPriority {
      readonly log: unknown[] = []
      host: QueueHost | undefined
      attach(host: QueueHost): void {
        this.host = host
      }
      serve(waiter: Waiter): void {
        this.log.push(`serve ${waiter.key}`)
        super.remove(waiter)
      }
      override remove(waiter: Waiter): void {
        this.log.push(`remove ${waiter.key}`)
        super.remove(waiter)
      }
      sheds(next: Waiter): boolean {
        return next.key === 'unwanted'
      }
      admitted(weight: number, key: string | undefined): void {
        this.log.push(`admitted ${weight} ${key}`)
      }
      released(hold: number | undefined, weight: number, key: string | undefined): void {
        this.log.push(`released ${weight} ${key} after ${hold}`)
      }
    }

    let queue: Curious
    let clock: VirtualClock
    let semaphore: BoundedSemaphore

    beforeEach(() => {
      queue = new Curious()
      clock = new VirtualClock()
      semaphore = new BoundedSemaphore(2, { queue, clock })
    })

    test('is told the clock and the limit, as it is now', () => {
      expect(queue.host?.clock).toBe(clock)
      expect(queue.host?.limit).toBe(2)
      semaphore.resize(5)
      expect(queue.host?.limit).toBe(5)
      const unbounded = new Curious()
      new Semaphore(2, { queue: unbounded })
      expect(unbounded.host?.limit).toBe(Infinity)
    })

    test('hears who goes in, how long permits were held, and who is served', async () => {
      const permit = take(semaphore, { weight: 2, key: 'a' })
      const waiter = ask(semaphore, { key: 'b' })
      clock.advance(70)
      permit.release()
      await waiter.settled
      clock.advance(5)
      waiter.release()
      waiter.release()
      expect(queue.log).toEqual([
        'admitted 2 a',
        'released 2 a after 70',
        'serve b',
        'admitted 1 b',
        'released 1 b after 5',
      ])
    })

    test('hears of who gave up: while waiting, and with a permit in hand', async () => {
      const permit = take(semaphore, { weight: 2, key: 'a' })
      const [soon, late] = [new AbortController(), new AbortController()]
      const waiters = [
        ask(semaphore, { key: 'b', signal: soon.signal }),
        ask(semaphore, { key: 'c', signal: late.signal }),
      ]
      soon.abort()
      permit.release()
      late.abort()
      await flush()
      expect(outcomes(waiters)).toEqual([soon.signal.reason, late.signal.reason])
      expect(queue.log.slice(1)).toEqual([
        'remove b',
        'released 2 a after 0',
        'serve c',
        'admitted 1 c',
        'released 1 c after undefined',
      ])
      expect(semaphore.inUse).toBe(0)
    })

    test('hears no hold of who gave a permit back as it got it, for it says nothing of load', () => {
      take(semaphore, { key: 'a' }).release('ignored')
      take(semaphore, { key: 'b' }).release()
      const left = take(semaphore, { key: 'c' })
      clock.advance(1)
      left.release('ignored')
      expect(queue.log.filter((line) => String(line).startsWith('released'))).toEqual([
        'released 1 a after undefined',
        'released 1 b after 0',
        'released 1 c after 1',
      ])
    })

    test('hears nothing of a permit given back without one', () => {
      take(semaphore, { key: 'a' })
      semaphore.release()
      expect(queue.log).toEqual(['admitted 1 a'])
    })

    test('that was given back too often has heard of it once', () => {
      const permit = take(semaphore, { key: 'a' })
      semaphore.release()
      expect(() => permit.release()).toThrow('released too often')
      expect(queue.log).toEqual(['admitted 1 a'])
    })

    test('sheds whoever it does not want, once there is a permit for it', async () => {
      const permit = take(semaphore, { weight: 2 })
      const waiters = ['unwanted', 'wanted', 'unwanted', 'wanted'].map((key) => ask(semaphore, { key }))
      await flush()
      expect(outcomes(waiters)).toEqual(['pending', 'pending', 'pending', 'full'])
      permit.release()
      await flush()
      expect(outcomes(waiters)).toEqual(['shed', 'permit', 'shed', 'full'])
    })

    test('sets the longest wait, where nobody else does', async () => {
      Object.defineProperty(queue, 'timeout', { value: 30 })
      expect(semaphore.timeout).toBe(30)
      take(semaphore, { weight: 2 })
      const waiters = [ask(semaphore), ask(semaphore, { timeout: 60 })]
      clock.advance(30)
      await flush()
      expect(outcomes(waiters)).toEqual(['timeout', 'pending'])
    })
  })
})
