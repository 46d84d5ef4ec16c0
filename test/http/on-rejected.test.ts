import { BoundedSemaphore } from '@lineclear/core'
import { limit as expressLimit } from '@lineclear/express'
import { limit as koaLimit } from '@lineclear/koa'
import express from 'express'
import express4 from 'express4'
import Koa from 'koa'
import supertest from 'supertest'
import { describe, expect, it } from 'vitest'

/** A limiter that refuses everybody. */
function refusing(): BoundedSemaphore {
  const limiter = new BoundedSemaphore(1, { queue: 0 })
  limiter.tryAcquire()
  return limiter
}

describe.each([
  ['Express 5', express],
  ['Express 4', express4],
])('onRejected in %s', (_, make) => {
  it('may render a template, which Express does in a later turn', async () => {
    const app = make()
    app.engine('txt', (_path, _options, done) => done(null, 'busy'))
    app.set('views', import.meta.dirname)
    app.set('view engine', 'txt')
    app.use(expressLimit({ limiter: refusing(), onRejected: (_rejection, _req, res) => res.render('busy') }))
    const response = await supertest(app).get('/').expect(503)
    expect(response.text).toBe('busy')
    expect(response.headers['retry-after']).toBeDefined()
  })

  it('may answer from a callback if it returns true', async () => {
    const app = make()
    const onRejected = (_: unknown, _req: express.Request, res: express.Response): true => {
      res.sendFile(import.meta.filename)
      return true
    }
    app.use(expressLimit({ limiter: refusing(), onRejected }))
    const response = await supertest(app)
      .get('/')
      .buffer(true)
      .parse(text as never)
      .expect(503)
    expect(response.body).toContain('may answer from a callback')
  })
})

describe('onRejected in Koa', () => {
  it('is followed by the default body, also where upstream has set another', async () => {
    for (const onRejected of [undefined, () => {}]) {
      const app = new Koa()
      app.use((ctx, next) => {
        ctx.body = { hello: 'default' }
        return next()
      })
      app.use(koaLimit({ limiter: refusing(), onRejected }))
      const response = await supertest(app.callback())
        .get('/')
        .buffer(true)
        .parse(text as never)
        .expect(503)
      expect(response.headers['content-type']).toContain('application/problem+json')
      expect(JSON.parse(response.body).reason).toBe('full')
    }
  })

  it('may take the answer over by returning true', async () => {
    const app = new Koa()
    app.use((ctx, next) => {
      ctx.body = 'mine'
      return next()
    })
    app.use(koaLimit({ limiter: refusing(), onRejected: () => true }))
    await supertest(app.callback()).get('/').expect(503, 'mine')
  })
})

function text(response: NodeJS.ReadableStream, done: (error: unknown, text: string) => void): void {
  let received = ''
  response.on('data', (data) => {
    received += data
  })
  response.on('end', () => done(null, received))
}
