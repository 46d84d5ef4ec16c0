import type { Setup, Stage } from './stage.ts'

/** A stage with the server that plays on it. */
export interface Show {
  stage: Stage
  port: number
  /** What can be done to this server besides. */
  commands: Record<string, () => unknown>
}

/**
 * Answers what the client asks of a server beside the requests of a cell: `/-/reset?<setup>`, which
 * replaces the show by a fresh one, `/-/state`, `/-/open?<gate>` and `/-/do?<command>`.
 */
export class Control {
  show: Show | undefined
  readonly #raise: (setup: Setup, previous: Show | undefined) => Show | Promise<Show>

  constructor(raise: (setup: Setup, previous: Show | undefined) => Show | Promise<Show>) {
    this.#raise = raise
  }

  async answer(url: string): Promise<object> {
    const [, command, query] = /\/-\/(\w+)\??(.*)$/.exec(url) ?? []
    const argument = decodeURIComponent(query ?? '')
    if (command === 'reset') {
      this.show = await this.#raise(JSON.parse(argument), this.show)
      return { port: this.show.port }
    }
    const { show } = this
    if (show === undefined) throw new Error('No show yet: reset first')
    if (command === 'open') show.stage.open(argument)
    if (command === 'do') this.#perform(show, argument)
    return show.stage.state
  }

  #perform({ stage, commands }: Show, name: string): void {
    const known: Show['commands'] = {
      closeLimiter: () => stage.limiter.close(),
      drain: () => stage.limiter.drain().then(() => stage.mark('drained')),
      ...commands,
    }
    const command = known[name]
    if (command === undefined) throw new Error(`This server knows no ${name}`)
    command()
  }

  noise(what: unknown, kind: string = ''): void {
    const text = what instanceof Error ? `${what.name}: ${what.message}` : String(what)
    this.show?.stage.noise.push(kind + text)
  }
}
