import { pipeline } from 'node:stream'
import { limit } from '@lineclear/express'
import type express from 'express'
import type { Express, NextFunction, Request, Response } from 'express'
import { cues } from '../stage/cues.ts'
import type { Stage } from '../stage/stage.ts'
import { destroyResponse, failing, flood, large } from './sources.ts'

export function expressApp(make: typeof express, stage: Stage): Express {
  const app = make()
  const gate = (req: Request): string => cues(req.originalUrl).gate

  app.use((req, res, next) => {
    const { before, answer } = cues(req.originalUrl)
    if (answer === 'at-once') res.send('answered earlier')
    else if (answer !== undefined) stage.passed(answer).then(() => res.send('answered earlier'))
    if (before === undefined) next()
    else stage.before(before).then(() => next())
  })
  app.use(limit(stage.options))
  app.use((req, _res, next) => {
    stage.enter(req.originalUrl)
    next()
  })

  app.all('/json', (_req, res) => void res.json({ ok: true }))
  app.all('/no-content', (_req, res) => void res.sendStatus(204))
  app.all('/not-modified', (_req, res) => void res.sendStatus(304))
  app.all('/throw', () => {
    throw new Error('broken handler')
  })
  app.all('/reject', async () => {
    throw new Error('broken handler')
  })
  app.all('/throw-late', (_req, res) => {
    res.write('begun')
    throw new Error('broken handler')
  })
  app.all('/never', () => {})
  app.all('/hold', async (req, res) => {
    await stage.passed(gate(req))
    res.send('held')
  })
  app.all('/stream', async (req, res) => {
    res.write('begun')
    await stage.passed(gate(req))
    res.end('done')
  })
  app.all('/sse', (_req, res) => {
    res.type('text/event-stream').write('data: begun\n\n')
  })
  app.all('/large', (_req, res) => void res.send(large))
  app.all('/flood', (_req, res) => void pipeline(flood(stage), res, () => {}))
  app.all('/broken-stream', (req, res) => void pipeline(failing(stage, gate(req)), res, () => {}))
  app.all('/broken-pipe', (req, res) => {
    failing(stage, gate(req))
      .on('error', () => stage.mark('broken'))
      .pipe(res)
  })
  app.all('/upload', (req, res) => {
    let length = 0
    req.on('data', (data) => (length += data.length)).on('end', () => res.send(`received ${length}`))
  })
  app.all('/upload-never', (req) => void req.resume().on('end', () => stage.mark('read')))
  app.all('/destroy-response', (_req, res) => destroyResponse(res))
  app.all('/destroy-socket', (req) => void req.socket.destroy())

  const nested = make.Router()
  nested.use(limit(stage.options))
  nested.get('/json', (_req, res) => void res.json({ ok: true }))
  app.use('/nested', nested)

  specials(make, app, stage)

  app.use((error: Error, _req: Request, res: Response, next: NextFunction) => {
    if (res.headersSent) next(error)
    else res.status(500).send('failed')
  })
  return app
}

/** What only Express has. */
function specials(make: typeof express, app: Express, stage: Stage): void {
  app.get('/next-route', (_req, _res, next) => next('route'), never)
  app.get('/next-route', (_req, res) => void res.send('the next route'))

  const router = make.Router()
  router.get('/', (_req, _res, next) => next('router'), never)
  app.use('/next-router', router)
  app.get('/next-router', (_req, res) => void res.send('the next router'))

  app.get('/next-error', (_req, _res, next) => next(new Error('broken handler')))
  app.get('/next-twice', (_req, _res, next) => {
    next()
    next()
  })
  app.get('/next-twice', (_req, res) => {
    if (!res.headersSent) res.send('once')
  })
  app.get('/redirect-inside', (req, res, next) => {
    req.url = '/json'
    ;(app as unknown as (...args: unknown[]) => void)(req, res, next)
  })
  app.get('/send-file', (_req, res) => void res.sendFile(process.execPath, { dotfiles: 'allow' }))

  function never(): void {
    stage.mark('skipped handler ran')
  }
}
