import { BoundedSemaphore, codel, fifo, lifo, type Queue } from '@lineclear/core'
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
  const key = (): string => 'x'
  const always = (queue: Queue) => (): Queue => queue

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
    [{ permits: 1, key: 'x' }, 'key must be a function; received "x"'],
    [{ permits: 0, key }, 'permits must be a whole number of at least 1; received 0'],
    [{ key }, 'limit needs permits or a limiter'],
    [{ permits: 1, queue: null }, 'queue must be a number or a queue such as fifo(100); received null'],
    [{ permits: 1, queue: () => fifo(1) }, 'queue must be a number or a queue such as fifo(100)'],
    [
      { permits: 1, key, queue: fifo(1) },
      'queue must be with key a number, or a function that makes a queue for each; received a Fifo',
    ],
    [{ permits: 1, key, queue: -1 }, 'queue must be a whole number of at least 0; received -1'],
    [{ permits: 1, key, queue: '5' }, 'queue must be with key a number, or a function'],
    [{ permits: 1, key, queue: null }, 'queue must be with key a number, or a function'],
    [{ permits: 1, key, queue: () => {} }, 'what queue returns must be a queue such as fifo(100)'],
    [{ permits: 1, key, queue: () => 5 }, 'what queue returns must be a queue such as fifo(100); received 5'],
    [{ permits: 1, key, queue: always(fifo(1)) }, 'queue already belongs to a semaphore; give each its own'],
    [{ permits: 1, key, maxKeys: 0 }, 'maxKeys must be a whole number of at least 1; received 0'],
    [{ permits: 1, key, maxKeys: '9' }, 'maxKeys must be a number; received "9"'],
    [{ permits: 1, key, onMaxKeys: 'drop' }, 'onMaxKeys must be "refuse" or "share"; received "drop"'],
    [{ permits: 1, maxKeys: 9 }, 'maxKeys has no effect without key'],
    [{ permits: 1, onMaxKeys: 'share' }, 'onMaxKeys has no effect without key'],
    [{ limiter, key, maxKeys: 9 }, 'maxKeys belongs to the limiter: give it there'],
    [{ limiter, onMaxKeys: 'share' }, 'onMaxKeys belongs to the limiter: give it there'],
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

  it('uses the limiter it is given, with a key too', () => {
    expect(limit({ limiter }).limiter).toBe(limiter)
    expect(limit({ limiter, key }).limiter).toBe(limiter)
  })

  it('makes with a key a limiter for each, with room for a hundred who wait', async () => {
    const { limiter } = limit({ permits: 2, key })
    for (const key of ['a', 'b', undefined]) {
      for (let i = 0; i < 102; i++) limiter.acquire({ key })
      await expect(limiter.acquire({ key })).rejects.toMatchObject({ reason: 'full' })
    }
    expect([limiter.keys, limiter.limit, limiter.inUse, limiter.waiting]).toEqual([2, 2, 6, 300])
    expect(limiter.get('a')).toBeInstanceOf(BoundedSemaphore)
    expect(limiter.timeout).toBe(5000)
  })

  it('takes with a key a number for those who wait, or makes a queue for each', async () => {
    for (const [queue, reason] of [
      [1, 'full'],
      [() => codel({ limit: 1 }), 'full'],
      [() => lifo(1), 'evicted'],
    ]) {
      const { limiter } = limit({ permits: 1, key, queue })
      for (const key of ['a', 'b']) {
        limiter.acquire({ key })
        const both = [limiter.acquire({ key }), limiter.acquire({ key })]
        await expect(Promise.race(both)).rejects.toMatchObject({ reason })
        expect(limiter.get(key).waiting).toBe(1)
      }
    }
  })

  it('bounds the keys at ten thousand, or at maxKeys', () => {
    for (const [options, most] of [
      [{}, 10_000],
      [{ maxKeys: 5 }, 5],
    ] as const) {
      const { limiter } = limit({ permits: 1, key, ...options })
      for (let i = 0; i < most + 5; i++) limiter.tryAcquire({ key: `${i}` })
      expect([limiter.keys, limiter.inUse]).toEqual([most, most])
    }
  })
})
