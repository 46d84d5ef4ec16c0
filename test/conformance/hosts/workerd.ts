import { Control } from '../stage/control.ts'
import { type Gates, Stage } from '../stage/stage.ts'
import type { WebTarget } from './web.ts'

type Fetch = (request: Request, ...rest: unknown[]) => unknown

/** For a Worker, which has one port for good; the client knows it. */
export function serve(target: WebTarget): { fetch: Fetch } {
  let play: Fetch | undefined
  const control = new Control((setup, previous) => {
    previous?.commands.end?.()
    const gates = new PolledGates()
    const stage = new Stage(setup, gates)
    play = target(stage).fetch
    return { stage, port: 0, commands: { end: () => gates.end() } }
  })
  addEventListener('unhandledrejection', (event) => control.noise(event.reason))
  return {
    async fetch(request, ...rest) {
      if (new URL(request.url).pathname.startsWith('/-/')) {
        return Response.json(await control.answer(request.url))
      }
      return play?.(request, ...rest)
    },
  }
}

/** On workerd a request may not be woken by another one, and has to look for itself. */
class PolledGates implements Gates {
  readonly #opened = new Set<string>()
  #ended = false

  open(gate: string): void {
    this.#opened.add(gate)
  }

  end(): void {
    this.#ended = true
  }

  async passed(gate: string): Promise<void> {
    while (!this.#opened.has(gate)) {
      if (this.#ended) throw new Error('The show is over')
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
}
