import { Control } from '../stage/control.ts'
import { PromisedGates, Stage } from '../stage/stage.ts'
import type { WebTarget } from './web.ts'

declare const Bun: {
  serve(options: {
    hostname: string
    port: number
    idleTimeout: number
    websocket?: object | undefined
    fetch(request: Request, server: unknown): unknown
  }): { port: number; stop(closeActiveConnections?: boolean): Promise<void> }
}

const address = { hostname: '127.0.0.1', port: 0, idleTimeout: 0 }

export function serve(target: WebTarget): void {
  const control = new Control((setup, previous) => {
    previous?.commands.end?.()
    const stage = new Stage(setup, new PromisedGates())
    const server = Bun.serve({ ...address, ...target(stage) })
    return { stage, port: server.port, commands: { end: () => server.stop(true) } }
  })
  process.on('uncaughtException', (error) => control.noise(error))
  process.on('unhandledRejection', (error) => control.noise(error))
  const { port } = Bun.serve({
    ...address,
    fetch: async ({ url }) => Response.json(await control.answer(url)),
  })
  console.log(JSON.stringify({ control: port }))
}
