// Requests are in the contract of all limiters; this is the rest of what one can get wrong.
import { BoundedSemaphore, RejectedError, Semaphore } from '@lineclear/core'
import { describe, expect, test } from 'vitest'
import { ask, take, thrownBy } from './helpers.ts'

const badCounts = [
  { value: -1, error: RangeError, shown: '-1' },
  { value: 1.5, error: RangeError, shown: '1.5' },
  { value: Number.NaN, error: RangeError, shown: 'NaN' },
  { value: Infinity, error: RangeError, shown: 'Infinity' },
  { value: -Infinity, error: RangeError, shown: '-Infinity' },
  { value: 2 ** 53, error: RangeError, shown: '9007199254740992' },
  { value: '2', error: TypeError, shown: '"2"' },
  { value: null, error: TypeError, shown: 'null' },
  { value: true, error: TypeError, shown: 'true' },
  { value: 2n, error: TypeError, shown: '2' },
  { value: Symbol('two'), error: TypeError, shown: 'Symbol(two)' },
  { value: {}, error: TypeError, shown: 'an object' },
  { value: [2], error: TypeError, shown: 'an array' },
  { value: () => 2, error: TypeError, shown: 'a function' },
]

interface Expected {
  error: typeof TypeError | typeof RangeError
  /** How the message begins. */
  names: string
  /** How it shows the value. */
  shown: string
}

function expectRefusal(failure: unknown, { error, names, shown }: Expected): void {
  expect(failure).toBeInstanceOf(error)
  const { message } = failure as Error
  expect(message.startsWith(`${names} must be `)).toBe(true)
  expect(message.endsWith(`; received ${shown}`)).toBe(true)
}

describe.each([Semaphore, BoundedSemaphore])('new %o', (Kind) => {
  test.each(badCounts)('takes no value of $shown', ({ value, error, shown }) => {
    const failure = thrownBy(() => new Kind(value as never))
    expectRefusal(failure, { error, names: 'value', shown })
  })

  test.each([
    { timeout: -1, error: RangeError, shown: '-1' },
    { timeout: Number.NaN, error: RangeError, shown: 'NaN' },
    { timeout: -Infinity, error: RangeError, shown: '-Infinity' },
    { timeout: '5', error: TypeError, shown: '"5"' },
    { timeout: null, error: TypeError, shown: 'null' },
  ])('takes no timeout of $shown', ({ timeout, error, shown }) => {
    const failure = thrownBy(() => new Kind(1, { timeout } as never))
    expectRefusal(failure, { error, names: 'timeout', shown })
  })

  test.each([
    { queue: -1, error: RangeError, shown: '-1' },
    { queue: 1.5, error: RangeError, shown: '1.5' },
    { queue: Number.NaN, error: RangeError, shown: 'NaN' },
    { queue: '5', error: TypeError, shown: '"5"' },
    { queue: null, error: TypeError, shown: 'null' },
    { queue: [], error: TypeError, shown: 'an array' },
    { queue: { size: 0, push() {}, peek() {} }, error: TypeError, shown: 'an object' },
    { queue: { push() {}, peek() {}, remove() {} }, error: TypeError, shown: 'an object' },
    { queue: () => {}, error: TypeError, shown: 'a function' },
  ])('takes no queue of $shown', ({ queue, error, shown }) => {
    const failure = thrownBy(() => new Kind(1, { queue } as never))
    expectRefusal(failure, { error, names: 'queue', shown })
  })

  test.each([
    { options: null, shown: 'null' },
    { options: 5, shown: '5' },
    { options: 'fifo', shown: '"fifo"' },
  ])('takes no options of $shown', ({ options, shown }) => {
    const failure = thrownBy(() => new Kind(1, options as never))
    expectRefusal(failure, { error: TypeError, names: 'options', shown })
  })

  test('takes no option it does not know', () => {
    expect(() => new Kind(1, { queueTimeout: 5 } as never)).toThrow(
      new TypeError('options has no option "queueTimeout"; it knows queue, timeout, clock'),
    )
  })

  test.each([
    { clock: 5, shown: '5' },
    { clock: { now: () => 0 }, shown: 'an object' },
    { clock: null, shown: 'null' },
  ])('takes no clock of $shown', ({ clock, shown }) => {
    const failure = thrownBy(() => new Kind(1, { clock } as never))
    expectRefusal(failure, { error: TypeError, names: 'clock', shown })
  })

  test('takes undefined for all there is', () => {
    const semaphore = new Kind(undefined, { queue: undefined, timeout: undefined, clock: undefined })
    expect(semaphore.value).toBe(1)
    expect(semaphore.timeout).toBeUndefined()
    expect(new Kind(1, undefined).value).toBe(1)
  })

  test.each([...badCounts, { value: 0, error: RangeError, shown: '0' }])(
    'releases no count of $shown',
    ({ value, error, shown }) => {
      const semaphore = new Kind(2)
      take(semaphore, { weight: 2 })
      const failure = thrownBy(() => semaphore.release(value as never))
      expectRefusal(failure, { error, names: 'count', shown })
      expect(semaphore.value).toBe(0)
    },
  )

  test('rejects, and never throws, from acquire', async () => {
    const semaphore = new Kind(1)
    expect(await ask(semaphore, { weight: -1 }).settled).toBeInstanceOf(RangeError)
    expect(await ask(semaphore, null as never).settled).toBeInstanceOf(TypeError)
    expect(semaphore.value).toBe(1)
  })
})

describe('a BoundedSemaphore', () => {
  test.each(badCounts)('has no limit of $shown', ({ value, error, shown }) => {
    const semaphore = new BoundedSemaphore(2)
    const failure = thrownBy(() => semaphore.resize(value as never))
    expectRefusal(failure, { error, names: 'limit', shown })
    expect(semaphore.limit).toBe(2)
    expect(semaphore.value).toBe(2)
  })

  test('gives no permit for a weight above its limit, free or not, open or closed', async () => {
    const semaphore = new BoundedSemaphore(2)
    const expected = { error: RangeError, names: 'weight', shown: '3' }
    const check = async (): Promise<void> => {
      expectRefusal(
        thrownBy(() => semaphore.tryAcquire({ weight: 3 })),
        expected,
      )
      expectRefusal(await ask(semaphore, { weight: 3 }).settled, expected)
      expect(semaphore.waiting).toBe(0)
    }
    await check()
    const permit = take(semaphore, { weight: 2 })
    await check()
    permit.release()
    semaphore.close()
    await check()
    expect(semaphore.value).toBe(2)
  })

  test('tells a request that could never be served from one that was turned away', async () => {
    const semaphore = new BoundedSemaphore(1)
    const error = await semaphore.acquire({ weight: 2 }).catch((error: unknown) => error)
    expect(error).not.toBeInstanceOf(RejectedError)
  })
})
