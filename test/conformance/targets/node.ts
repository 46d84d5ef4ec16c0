import type { IncomingMessage, ServerResponse } from 'node:http'
import { limit } from '@lineclear/node'
import type { NodeTarget } from '../hosts/node.ts'
import { bareCues, bareHandlers, json } from './bare.ts'

export default ((stage, make) => {
  const handle = bareHandlers(stage)
  const nested = limit(stage.options)((_req: IncomingMessage, res: ServerResponse) => json(res))
  const listener = limit(stage.options)((req: IncomingMessage, res: ServerResponse) => {
    const url = req.url as string
    stage.enter(url)
    return url.startsWith('/nested/') ? nested(req, res) : handle(req, res)
  })
  return make((req: IncomingMessage, res: ServerResponse) =>
    bareCues(stage, req.url as string, res, () => listener(req, res)),
  )
}) satisfies NodeTarget
