import { RejectedError, type RejectionReason, Semaphore } from '@lineclear/core'
import { afterEach, describe, expect, test } from 'vitest'

const reasons: RejectionReason[] = ['full', 'evicted', 'timeout', 'shed', 'closed']

describe('a RejectedError', () => {
  const frames = Error.stackTraceLimit
  afterEach(() => {
    Error.stackTraceLimit = frames
  })

  test.each(reasons)('says why: %s', (reason) => {
    const error = new RejectedError(reason)
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('RejectedError')
    expect(error.reason).toBe(reason)
    expect(error.message).toMatch(/^No permit: ./)
  })

  test('has a message of its own for each reason', () => {
    expect(new Set(reasons.map((reason) => new RejectedError(reason).message)).size).toBe(reasons.length)
  })

  test('has a cause and a time to retry only where given', () => {
    const cause = new Error('why')
    expect(new RejectedError('closed', { cause, retryAfter: 2 })).toMatchObject({ cause, retryAfter: 2 })
    expect(new RejectedError('closed').retryAfter).toBeUndefined()
    expect(new RejectedError('closed')).not.toHaveProperty('cause')
    expect(new RejectedError('closed', { cause: undefined })).toHaveProperty('cause', undefined)
  })

  test('says what happened in other words, where given', () => {
    const error = new RejectedError('full', { detail: 'No chair is left.' })
    expect(error).toMatchObject({ detail: 'No chair is left.', message: 'No permit. No chair is left.' })
    expect(new RejectedError('full').detail).toBeUndefined()
  })

  test('has no stack frames, since capturing them is most of the cost of a refusal', () => {
    expect(new RejectedError('full').stack).toBe('RejectedError: No permit: the queue is full')
  })

  test.each([0, 3, 50, Infinity])('leaves Error.stackTraceLimit as it was: %s', (limit) => {
    Error.stackTraceLimit = limit
    new RejectedError('full')
    expect(Error.stackTraceLimit).toBe(limit)
  })

  test('leaves Error.stackTraceLimit as it was when it is made wrongly', () => {
    Error.stackTraceLimit = 7
    expect(() => new RejectedError('full', null as never)).toThrow(TypeError)
    expect(Error.stackTraceLimit).toBe(7)
  })

  test('leaves other errors their stack', () => {
    new RejectedError('full')
    expect(new Error('other').stack).toContain('rejected-error.test.ts')
  })

  test('is made afresh for each refusal', async () => {
    const semaphore = new Semaphore(0, { queue: 0 })
    const [first, second] = await Promise.allSettled([semaphore.acquire(), semaphore.acquire()])
    expect(first).toMatchObject({ status: 'rejected', reason: { reason: 'full' } })
    expect(second).toMatchObject({ status: 'rejected', reason: { reason: 'full' } })
    expect(Object.is(Reflect.get(first, 'reason'), Reflect.get(second, 'reason'))).toBe(false)
  })
})
