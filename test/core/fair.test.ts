import { BoundedSemaphore, type FairOptions, fair } from '@lineclear/core'
import { describe, expect, test, vi } from 'vitest'
import { type Asked, ask, askTimes, flush, noteOrder, outcomes, take, thrownBy } from './helpers.ts'

function busy(options?: FairOptions, permits = 1): BoundedSemaphore {
  const semaphore = new BoundedSemaphore(permits, { queue: fair(options) })
  take(semaphore, { weight: permits })
  return semaphore
}

/** Notes the keys of those who go in, in order. */
class Order {
  readonly semaphore: BoundedSemaphore
  readonly #log: string[] = []

  constructor(semaphore: BoundedSemaphore) {
    this.semaphore = semaphore
  }

  /** One asks for each of these letters. */
  ask(keys: string, request = {}): Asked[] {
    return [...keys].map((key) => noteOrder(this.semaphore, this.#log, key, { key, ...request }))
  }

  /** So many go in, one after the other, or all who wait. */
  async serve(count = Infinity): Promise<string> {
    for (let i = 0; i < count && this.semaphore.waiting > 0; i++) {
      this.semaphore.release()
      await flush()
    }
    return this.#log.splice(0).join('')
  }
}

describe('fair', () => {
  test('lets the keys take turns, and those of one key go in the order they came', async () => {
    const order = new Order(busy())
    order.ask('aaaabbc')
    expect(await order.serve()).toBe('abcabaa')
    const semaphore = busy()
    const log: unknown[] = []
    for (const name of [1, 2, 3]) noteOrder(semaphore, log, name, { key: 'a' })
    await new Order(semaphore).serve()
    expect(log).toEqual([1, 2, 3])
  })

  test('makes one who comes late neither wait for those who came before nor repeat what he missed', async () => {
    const order = new Order(busy())
    order.ask('aaaaaaaaa')
    expect(await order.serve(4)).toBe('aaaa')
    order.ask('bbb')
    expect(await order.serve()).toBe('bababaaa')
  })

  test('remembers what a key has had while others wait', async () => {
    const order = new Order(busy())
    order.ask('bba')
    expect(await order.serve(2)).toBe('ba')
    // b has had one as well, and waits; a would be first if it were new.
    order.ask('ac')
    expect(await order.serve()).toBe('cba')
  })

  test('remembers nothing once nobody waits', async () => {
    const order = new Order(busy())
    order.ask('aa')
    expect(await order.serve()).toBe('aa')
    order.ask('ab')
    expect(await order.serve()).toBe('ab')
  })

  test('counts a request for its weight', async () => {
    const semaphore = busy({}, 3)
    const log: string[] = []
    for (const key of 'aabbbbbb') noteOrder(semaphore, log, key, { key, weight: key === 'a' ? 3 : 1 })
    while (semaphore.inUse > 0) {
      semaphore.release()
      await flush()
    }
    expect(log.join('')).toBe('abbbabbb')
  })

  test('gives a key its share against others', async () => {
    const order = new Order(busy({ share: (key) => (key === 'a' ? 2 : 1) }))
    order.ask('aaaaaabbbbbb')
    expect(await order.serve(9)).toBe('ababaabaa')
  })

  test('asks for the share of a key anew when it comes back', async () => {
    let share = 1
    const order = new Order(busy({ share: (key) => (key === 'a' ? share : 1) }))
    order.ask('aabbbb')
    share = 4
    expect(await order.serve(3)).toBe('aba')
    order.ask('aaaa')
    expect(await order.serve()).toBe('babaaab')
  })

  test('takes those without a key for one key', async () => {
    const semaphore = busy()
    const log: unknown[] = []
    noteOrder(semaphore, log, 'none')
    noteOrder(semaphore, log, 'none')
    noteOrder(semaphore, log, 'a', { key: 'a' })
    noteOrder(semaphore, log, 'undefined', { key: 'undefined' })
    await new Order(semaphore).serve()
    expect(log).toEqual(['none', 'a', 'undefined', 'none'])
  })

  test('charges nobody who gave up, or was turned away', async () => {
    const semaphore = busy({ limit: 6 })
    const order = new Order(semaphore)
    order.ask('aabbb')
    expect(await order.serve(2)).toBe('ab')
    const controller = new AbortController()
    const leavers = order.ask('aa', { signal: controller.signal })
    controller.abort()
    const evicted = order.ask('ccc').slice(2)
    order.ask('dd')
    await flush()
    expect(outcomes([...leavers, ...evicted])).toEqual([
      controller.signal.reason,
      controller.signal.reason,
      'evicted',
    ])
    expect(await order.serve()).toBe('cdabcb')
  })

  describe('full', () => {
    test('turns away the newest of the key that has the most', async () => {
      const order = new Order(busy({ limit: 4 }))
      const [a, b] = [order.ask('aaa'), order.ask('bbb')]
      await flush()
      expect(outcomes(a)).toEqual(['pending', 'pending', 'evicted'])
      expect(outcomes(b)).toEqual(['pending', 'pending', 'full'])
    })

    test('turns away the newcomer where none has more', async () => {
      const order = new Order(busy({ limit: 3 }))
      const waiters = order.ask('abcdab')
      await flush()
      expect(outcomes(waiters)).toEqual(['pending', 'pending', 'pending', 'full', 'full', 'full'])
    })

    test('goes by the work that waits, for the share of each', async () => {
      const shares = { limit: 4, share: (key: string | undefined) => (key === 'a' ? 3 : 1) }
      const order = new Order(busy(shares))
      const waiters = [...order.ask('aaab'), ...order.ask('b')]
      await flush()
      // Three of a for three are as much as one of b, and two of b are more.
      expect(outcomes(waiters)).toEqual(['pending', 'pending', 'pending', 'pending', 'full'])

      const weighty = new Order(busy({ limit: 3 }, 5))
      const heavy = weighty.ask('a', { weight: 5 })
      const light = [...weighty.ask('bb'), ...weighty.ask('b')]
      await flush()
      expect(outcomes([...heavy, ...light])).toEqual(['evicted', 'pending', 'pending', 'pending'])
    })

    test('does not let those without weight keep others out', async () => {
      const order = new Order(busy({ limit: 3 }))
      const nothing = order.ask('aaa', { weight: 0 })
      const some = order.ask('b')
      await flush()
      expect(outcomes([...nothing, ...some])).toEqual(['pending', 'pending', 'evicted', 'pending'])
    })

    test('of 0 places refuses everybody, and says so', async () => {
      const semaphore = busy({ limit: 0 })
      expect(semaphore.full).toBe(true)
      expect(await ask(semaphore, { key: 'a' }).settled).toBe('full')
      expect(busy({ limit: 1 }).full).toBe(false)
    })

    test('of one place keeps what is there, and what a key has had', async () => {
      const order = new Order(busy({ limit: 1 }))
      expect(outcomes(order.ask('a'))).toEqual(['pending'])
      expect(await Promise.all(order.ask('b').map(({ settled }) => settled))).toEqual(['full'])
      expect(await order.serve()).toBe('a')
    })
  })

  test('lets a heavy one hold back those behind it', async () => {
    const semaphore = new BoundedSemaphore(2, { queue: fair() })
    take(semaphore)
    const heavy = ask(semaphore, { key: 'a', weight: 2 })
    const light = askTimes(2, semaphore, { key: 'b' })
    await flush()
    expect(outcomes([heavy, ...light])).toEqual(['pending', 'pending', 'pending'])
    semaphore.release()
    expect(await heavy.settled).toBe('permit')
  })

  test('serves those who wait also while new keys come without end', async () => {
    const order = new Order(busy())
    order.ask('aa')
    let served = ''
    for (let i = 0; i < 2000; i++) {
      ask(order.semaphore, { key: `new ${i}` })
      served += await order.serve(1)
    }
    // Every new key is owed as much as one of a, until more of them are remembered than may be.
    expect(served).toBe('aa')
  })

  test.each([0, -1, Number.NaN, Infinity, 1e-7, 1e7])(
    'rejects a request whose share is %s, and is as before',
    async (share) => {
      const shares = vi.fn((key: string | undefined) => (key === 'bad' ? share : 1))
      const semaphore = busy({ share: shares })
      const good = ask(semaphore, { key: 'good' })
      expect(await ask(semaphore, { key: 'bad' }).settled).toEqual(
        new RangeError(`fair share of "bad" must be from 0.000001 to 1000000; received ${share}`),
      )
      expect(semaphore.waiting).toBe(1)
      semaphore.release()
      expect(await good.settled).toBe('permit')
      expect(shares.mock.calls).toEqual([['good'], ['bad']])
    },
  )

  test('bears a share that lets in another of the same key meanwhile', async () => {
    const inner: Asked[] = []
    const semaphore: BoundedSemaphore = busy({
      share: (key) => {
        if (inner.length === 0) {
          inner.push(undefined as never)
          inner[0] = ask(semaphore, { key })
        }
        return 1
      },
    })
    const outer = ask(semaphore, { key: 'a' })
    semaphore.release()
    await flush()
    semaphore.release()
    await flush()
    expect(outcomes([inner[0] as Asked, outer])).toEqual(['permit', 'permit'])
    expect(semaphore.waiting).toBe(0)
  })

  test('rejects a request with the error that its share throws, or if it is no number', async () => {
    const failure = new Error('no such plan')
    const semaphore = busy({
      share: (key) => {
        if (key === undefined) return '1' as never
        throw failure
      },
    })
    expect(await ask(semaphore, { key: 'a' }).settled).toBe(failure)
    expect(await ask(semaphore).settled).toEqual(
      new TypeError('fair share of no key must be a number; received "1"'),
    )
    expect(semaphore.waiting).toBe(0)
  })

  test('has no options that are none', () => {
    expect(thrownBy(() => fair({ limit: 0.5 }))).toEqual(
      new RangeError('fair limit must be a whole number of at least 0; received 0.5'),
    )
    expect(thrownBy(() => fair({ share: 2 as never }))).toEqual(
      new TypeError('fair share must be a function; received 2'),
    )
    expect(thrownBy(() => fair({ weights: {} } as never))).toEqual(
      new TypeError('fair has no option "weights"; it knows limit, share'),
    )
  })
})
