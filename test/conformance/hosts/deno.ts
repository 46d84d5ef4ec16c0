import { Control } from '../stage/control.ts'
import { PromisedGates, Stage } from '../stage/stage.ts'
import type { WebTarget } from './web.ts'

declare const Deno: {
  serve(
    options: { hostname: string; port: number; onListen(): void; signal?: AbortSignal },
    handler: (request: Request, info: unknown) => unknown,
  ): { addr: { port: number } }
}

const address = { hostname: '127.0.0.1', port: 0, onListen: (): void => {} }

export function serve(target: WebTarget): void {
  const control = new Control((setup, previous) => {
    previous?.commands.end?.()
    const stage = new Stage(setup, new PromisedGates())
    const stop = new AbortController()
    const { addr } = Deno.serve({ ...address, signal: stop.signal }, target(stage).fetch)
    return { stage, port: addr.port, commands: { end: () => stop.abort() } }
  })
  for (const event of ['error', 'unhandledrejection']) {
    addEventListener(event, (happened) => {
      happened.preventDefault()
      const { error, reason } = happened as ErrorEvent & PromiseRejectionEvent
      control.noise(error ?? reason)
    })
  }
  const { addr } = Deno.serve(address, async ({ url }) => Response.json(await control.answer(url)))
  console.log(JSON.stringify({ control: addr.port }))
}
