import { BoundedSemaphore, fifo, lifo } from '@lineclear/core'
import { limit as express } from '@lineclear/express'
import { limit as hono } from '@lineclear/hono'
import { limit as koa } from '@lineclear/koa'
import { describe, expect, it } from 'vitest'

// Deliberately untyped: what a JavaScript user might write.
// biome-ignore lint/suspicious/noExplicitAny: see above
const limits: [string, (options?: any) => { limiter: any }][] = [
  ['Express', express],
  ['Koa', koa],
  ['Hono', hono],
]

describe.each(limits)('the options of limit in %s', (_, limit) => {
  const limiter = new BoundedSemaphore(1)

  it.each([
    [undefined, 'limit must be an object; received undefined'],
    [2, 'limit must be an object; received 2'],
    [{}, 'limit needs permits or a limiter'],
    [{ permits: 0 }, 'permits must be a whole number of at least 1; received 0'],
    [{ permits: -1 }, 'permits must be a whole number of at least 1; received -1'],
    [{ permits: 1.5 }, 'permits must be a whole number of at least 1; received 1.5'],
    [{ permits: Number.NaN }, 'permits must be a whole number of at least 1; received NaN'],
    [{ permits: '2' }, 'permits must be a number; received "2"'],
    [{ permits: 1, limiter }, 'limit takes permits or a limiter, not both'],
    [{ limiter: {} }, 'limiter must be a limiter, with acquire and tryAcquire; received an object'],
    [{ limiter: null }, 'limiter must be a limiter, with acquire and tryAcquire; received null'],
    [{ limiter, queue: 1 }, 'queue belongs to the limiter'],
    [{ permits: 1, queue: -1 }, 'queue must be a whole number of at least 0; received -1'],
    [{ permits: 1, queue: '5' }, 'queue must be a number or a queue such as fifo(100); received "5"'],
    [{ permits: 1, queueTimeout: -1 }, 'queueTimeout must be 0 ms or more; received -1'],
    [{ permits: 1, queueTimeout: '5s' }, 'queueTimeout must be a number of ms; received "5s"'],
    [{ permits: 1, statusCode: 200 }, 'statusCode must be 400 to 599; received 200'],
    [{ permits: 1, statusCode: '503' }, 'statusCode must be a number; received "503"'],
    [{ permits: 1, deadline: 5 }, 'deadline must be a function; received 5'],
    [{ permits: 1, dryRun: 1 }, 'dryRun must be a boolean or a function; received 1'],
    [{ permits: 1, retryAfter: -1 }, 'retryAfter must be 0 seconds or more; received -1'],
    [{ permits: 1, retryAfter: Infinity }, 'retryAfter must be 0 seconds or more; received Infinity'],
    [{ permits: 1, retryAfter: true }, 'retryAfter must be a number of seconds or false; received true'],
    [{ permits: 1, headers: 'yes' }, 'headers must be a boolean; received "yes"'],
    [{ permits: 1, skip: true }, 'skip must be a function; received true'],
    [{ limiter, key: 'x' }, 'key must be a function; received "x"'],
    [{ limiter, weight: 2 }, 'weight must be a function; received 2'],
    [{ limiter, priority: 2 }, 'priority must be a function; received 2'],
    [{ permits: 1, onRejected: 'x' }, 'onRejected must be a function; received "x"'],
    [{ permits: 1, key: () => 'x' }, 'key has no effect on permits'],
    [{ permits: 1, queueTimout: 5 }, 'limit has no option "queueTimout"'],
  ])('throws for %o', (options, message) => {
    expect(() => limit(options)).toThrow(message)
  })

  it('are not what a middleware is called with, for which limit itself was taken', () => {
    for (const taken of [{ method: 'GET' }, { req: {}, res: {} }, { raw: {} }, { register() {} }]) {
      expect(() => limit(taken as never)).toThrow('limit({ permits: 2 }), not limit')
    }
  })

  it('makes a bounded semaphore with room for a hundred who wait', () => {
    const { limiter } = limit({ permits: 2 })
    for (let i = 0; i < 102; i++) limiter.acquire()
    expect([limiter.limit, limiter.inUse, limiter.waiting]).toEqual([2, 2, 100])
    return expect(limiter.acquire()).rejects.toMatchObject({ reason: 'full' })
  })

  it('takes a number or a queue for those who wait', async () => {
    for (const queue of [1, fifo(1), lifo(1)]) {
      const { limiter } = limit({ permits: 1, queue })
      limiter.acquire()
      const both = [limiter.acquire(), limiter.acquire()]
      await expect(Promise.race(both)).rejects.toMatchObject({ name: 'RejectedError' })
      expect(limiter.waiting).toBe(1)
    }
  })

  it('uses the limiter it is given', () => {
    expect(limit({ limiter }).limiter).toBe(limiter)
  })
})
