import { BoundedSemaphore, fifo, type Keyed, keyed, type Limiter } from '@lineclear/core'
import { limit as express, type LimitOptions } from '@lineclear/express'
import { limit as fastify } from '@lineclear/fastify'
import { limit as fetch } from '@lineclear/fetch'
import { limit as hono } from '@lineclear/hono'
import { limit as koa } from '@lineclear/koa'
import { Limit, limit as nest } from '@lineclear/nest'
import { limit as node } from '@lineclear/node'
import { expectTypeOf, it } from 'vitest'

// Checked by tsc: the calls would do as well.
it('the limiter of each adapter has the type of what the options make', () => {
  type Each = Keyed<BoundedSemaphore>
  const given = keyed(() => new BoundedSemaphore(1))
  const key = (): string => 'x'

  expectTypeOf(express({ permits: 1 }).limiter).toEqualTypeOf<BoundedSemaphore>()
  expectTypeOf(express({ permits: 1, key: undefined }).limiter).toEqualTypeOf<BoundedSemaphore>()
  expectTypeOf(express({ permits: 1, key: (req) => req.get('x-key') }).limiter).toEqualTypeOf<Each>()
  expectTypeOf(express({ limiter: given, key: (req) => req.ip }).limiter).toEqualTypeOf<Each>()
  expectTypeOf(express({ limiter: given as Limiter }).limiter).toEqualTypeOf<Limiter>()
  expectTypeOf(express({ permits: 1, key } as LimitOptions).limiter).toEqualTypeOf<Limiter>()

  expectTypeOf(koa({ permits: 1, skip: (ctx) => ctx.path === '/' }).limiter).toEqualTypeOf<BoundedSemaphore>()
  expectTypeOf(koa({ permits: 1, key: (ctx) => ctx.get('x-key') }).limiter).toEqualTypeOf<Each>()
  expectTypeOf(hono({ permits: 1, skip: (c) => c.finalized }).limiter).toEqualTypeOf<BoundedSemaphore>()
  expectTypeOf(hono({ permits: 1, key: (c) => c.req.header('x-key') }).limiter).toEqualTypeOf<Each>()
  expectTypeOf(fastify({ permits: 1, skip: (req) => req.is404 }).limiter).toEqualTypeOf<BoundedSemaphore>()
  expectTypeOf(fastify({ permits: 1, key: (request) => request.ip }).limiter).toEqualTypeOf<Each>()
  expectTypeOf(node({ permits: 1, weight: () => 1 }).limiter).toEqualTypeOf<BoundedSemaphore>()
  expectTypeOf(node({ permits: 1, key: (req) => req.headers.host }).limiter).toEqualTypeOf<Each>()
  expectTypeOf(fetch({ permits: 1, skip: (r) => r.bodyUsed }).limiter).toEqualTypeOf<BoundedSemaphore>()
  expectTypeOf(fetch({ permits: 1, key: (request, ip) => ip ?? request.url }).limiter).toEqualTypeOf<Each>()
  expectTypeOf(
    nest({ permits: 1, skip: (c) => c.getType() === 'ws' }).limiter,
  ).toEqualTypeOf<BoundedSemaphore>()
  expectTypeOf(nest({ permits: 1, key: async (context) => context.getType() }).limiter).toEqualTypeOf<Each>()
  Limit({ permits: 1, key: (context) => context.getType(), onMaxKeys: 'share' })
  Limit(nest({ permits: 1, key }))
  Limit(nest({ permits: 1 }))

  void (() => {
    // @ts-expect-error a queue belongs to one semaphore
    express({ permits: 1, key, queue: fifo(1) })
    // @ts-expect-error without a key
    express({ permits: 1, maxKeys: 10 })
    // @ts-expect-error the keys of a limiter are its own
    express({ limiter: given, key, maxKeys: 10 })
    // @ts-expect-error an unknown option
    express({ permits: 1, key, maxKey: 10 })
    // @ts-expect-error not a limiter for each key
    express<Each>({ permits: 1 })
    // @ts-expect-error not one limiter
    express<BoundedSemaphore>({ permits: 1, key })
  })
})
