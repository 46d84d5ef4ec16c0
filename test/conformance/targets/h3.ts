import { limit } from '@lineclear/fetch'
import { H3, HTTPError } from 'h3'
import { toNodeHandler } from 'h3/node'
import type { NodeTarget } from '../hosts/node.ts'
import { cues } from '../stage/cues.ts'
import type { Stage } from '../stage/stage.ts'
import { handlersOf, pathOf } from './fetch.ts'

export default ((stage, make) => make(toNodeHandler(h3App(stage)))) satisfies NodeTarget

function h3App(stage: Stage): H3 {
  const app = new H3({ silent: true })
  const handlers = handlersOf(stage)

  app.use(async (event, next) => {
    const { before, answer } = cues(pathOf(event.req))
    const passed = before === undefined ? next() : stage.before(before).then(next)
    if (answer === undefined) return passed
    const answered = stage.passed(answer).then(() => new Response('answered earlier'))
    return Promise.race([passed, answered])
  })
  app.use(limit(stage.options))
  app.use('/nested/**', limit(stage.options))
  app.all('/**', async (event) => {
    const path = pathOf(event.req)
    stage.enter(path)
    const handler = handlers[path.split('?')[0] as string]
    if (handler === undefined) throw new HTTPError({ status: 404 })
    return handler(event.req, cues(path).gate)
  })
  return app
}
