import { keepPermit, limit } from '@lineclear/fetch'
import { cues } from '../stage/cues.ts'
import type { Stage } from '../stage/stage.ts'
import { failing, flood, gated, large } from './web-sources.ts'

export type Fetch = (request: Request, ...beside: never[]) => Promise<Response>

/** What answers each path, behind the limit. */
type Handlers = Record<string, (request: Request, gate: string) => Response | Promise<Response>>

/** One function around whatever a server hands over: what Bun.serve, Deno.serve and Workers are given. */
export function fetchApp(stage: Stage): Fetch {
  const handlers = handlersOf(stage)
  const serve: Fetch = async (request) => {
    const path = pathOf(request)
    stage.enter(path)
    const handler = handlers[path.split('?')[0] as string]
    return handler?.(request, cues(path).gate) ?? new Response('not found', { status: 404 })
  }
  const limited = limit(stage.options)
  const inner = limited(serve) as Fetch
  const nested = limit(stage.options)(inner) as Fetch
  const outer = limited(nested) as Fetch

  return async (request, ...beside) => {
    const { before, answer } = cues(pathOf(request))
    if (before !== undefined && !isOnNode(request))
      request.signal.addEventListener('abort', () => stage.gone++)
    try {
      const passed = before === undefined ? pass() : stage.before(before).then(pass)
      if (answer === undefined) return await passed
      const answered = stage.passed(answer).then(() => new Response('answered earlier'))
      return await Promise.race([passed, answered])
    } catch {
      return new Response('failed', { status: 500 })
    }

    function pass(): Promise<Response> {
      return pathOf(request).startsWith('/nested/') ? outer(request, ...beside) : inner(request, ...beside)
    }
  }
}

export function handlersOf(stage: Stage): Handlers {
  const never = (): Promise<Response> => stage.passed('never') as Promise<never>
  const json = (): Response => Response.json({ ok: true })
  return {
    '/json': json,
    '/nested/json': json,
    '/no-content': () => new Response(null, { status: 204 }),
    '/not-modified': () => new Response(null, { status: 304 }),
    '/throw': () => {
      throw new Error('broken handler')
    },
    '/reject': async () => {
      throw new Error('broken handler')
    },
    '/throw-late': () => new Response(throwing()),
    '/never': never,
    '/hold': async (_request, gate) => {
      await stage.passed(gate)
      return new Response('held')
    },
    '/keep': (request, gate) => {
      const release = keepPermit(request)
      stage.passed(gate).then(release)
      return new Response('kept')
    },
    '/stream': (_request, gate) => new Response(gated(stage, gate)),
    '/sse': () => new Response(gated(stage, 'never'), { headers: { 'content-type': 'text/event-stream' } }),
    '/large': () => new Response(large),
    '/flood': () => new Response(flood(stage)),
    '/broken-stream': (_request, gate) => new Response(failing(stage, gate)),
    '/upload': async (request) => new Response(`received ${(await request.arrayBuffer()).byteLength}`),
    '/upload-never': async (request) => {
      await request.arrayBuffer()
      stage.mark('read')
      return never()
    },
    '/clone': () => {
      const response = new Response('cloned')
      return response.clone()
    },
  }
}

/** Begins, and throws once that is on its way. */
function throwing(): ReadableStream<Uint8Array> {
  let begun = false
  return new ReadableStream({
    async pull(controller) {
      if (begun) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        throw new Error('broken handler')
      }
      begun = true
      controller.enqueue(new TextEncoder().encode('begun'))
    },
  })
}

export function pathOf({ url }: Request): string {
  return url.slice(url.indexOf('/', 8))
}

/** Node's host sees for itself who left. */
function isOnNode(request: Request): boolean {
  return (request as { runtime?: { name?: string } }).runtime?.name === 'node'
}
