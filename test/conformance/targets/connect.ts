import type { IncomingMessage, ServerResponse } from 'node:http'
import { limit } from '@lineclear/node'
import connect from 'connect'
import type { NodeTarget } from '../hosts/node.ts'
import { bareCues, bareHandlers, json } from './bare.ts'

export default ((stage, make) => {
  const app = connect()
  app.use((req, res, next) => bareCues(stage, req.originalUrl as string, res, next))
  app.use(limit(stage.options))
  app.use((req, _res, next) => {
    stage.enter(req.originalUrl as string)
    next()
  })

  const nested = connect()
  nested.use(limit(stage.options))
  nested.use((_req, res) => json(res))
  app.use('/nested', nested)

  app.use(bareHandlers(stage) as connect.SimpleHandleFunction)
  app.use((error: unknown, _req: IncomingMessage, res: ServerResponse, next: connect.NextFunction) => {
    if (res.headersSent) return next(error)
    res.statusCode = 500
    res.end('failed')
  })
  return make(app)
}) satisfies NodeTarget
