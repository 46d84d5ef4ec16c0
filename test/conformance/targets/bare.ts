import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { pipeline } from 'node:stream'
import { cues } from '../stage/cues.ts'
import type { Stage } from '../stage/stage.ts'
import { destroyResponse, failing, flood, large } from './sources.ts'

type Listener = (req: IncomingMessage, res: ServerResponse) => unknown

/** Answers on Node's own response, without a framework. */
export function bareHandlers(stage: Stage): Listener {
  const handlers = handlersOf(stage)
  return (req, res) => {
    const url = req.url as string
    const handler = handlers[url.split('?')[0] as string]
    if (handler !== undefined) return handler(req, res, cues(url).gate)
    return status(res, 404)
  }
}

/** What an earlier middleware does for a URL's cues; calls `next` when the request is to be passed on. */
export function bareCues(stage: Stage, url: string, res: ServerResponse, next: () => unknown): void {
  const { before, answer } = cues(url)
  if (answer !== undefined) stage.passed(answer).then(() => res.end('answered earlier'))
  if (before === undefined) next()
  else stage.before(before).then(next)
}

export function json(res: ServerResponse): void {
  res.setHeader('content-type', 'application/json')
  res.end('{"ok":true}')
}

function status(res: ServerResponse, code: number): void {
  res.statusCode = code
  res.end(code < 400 ? undefined : STATUS_CODES[code])
}

function handlersOf(
  stage: Stage,
): Record<string, (req: IncomingMessage, res: ServerResponse, gate: string) => unknown> {
  return {
    '/json': (_req, res) => json(res),
    '/no-content': (_req, res) => status(res, 204),
    '/not-modified': (_req, res) => status(res, 304),
    '/throw': () => {
      throw new Error('broken handler')
    },
    '/reject': async () => {
      throw new Error('broken handler')
    },
    '/throw-late': (_req, res) => {
      res.write('begun')
      throw new Error('broken handler')
    },
    '/never': () => stage.passed('never'),
    '/hold': async (_req, res, gate) => {
      await stage.passed(gate)
      res.end('held')
    },
    '/stream': async (_req, res, gate) => {
      res.write('begun')
      await stage.passed(gate)
      res.end('done')
    },
    '/sse': (_req, res) => {
      res.setHeader('content-type', 'text/event-stream')
      res.write('data: begun\n\n')
    },
    '/large': (_req, res) => res.end(large),
    '/flood': (_req, res) => void pipeline(flood(stage), res, () => {}),
    '/broken-stream': (_req, res, gate) => void pipeline(failing(stage, gate), res, () => {}),
    '/broken-pipe': (_req, res, gate) => {
      failing(stage, gate)
        .on('error', () => stage.mark('broken'))
        .pipe(res)
    },
    '/upload': (req, res) => {
      let length = 0
      req.on('data', (data) => (length += data.length)).on('end', () => res.end(`received ${length}`))
    },
    '/upload-never': (req) => void req.resume().on('end', () => stage.mark('read')),
    '/destroy-response': (_req, res) => destroyResponse(res),
    '/destroy-socket': (req) => void req.socket.destroy(),
  }
}
