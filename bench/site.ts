import autocannon, { type Result } from 'autocannon'
import { apps, type Framework, type Kind } from './apps.ts'
import { Child, serve } from './child.ts'
import type { Contestant } from './interleave.ts'

// One app as a server in a child of its own: `Site` in the parent, which also makes the traffic.

const REQUESTS = 4000
const CONNECTIONS = 20

/** Measures requests a second, and the server's us of CPU a request. */
export class Site implements Contestant<'rate' | 'cpu'> {
  readonly name: string
  readonly #expected: '2xx' | '5xx'
  readonly #child: Child
  #port: number | undefined

  constructor(framework: Framework, kind: Kind) {
    this.name = `${framework} ${kind}`
    this.#expected = kind === 'refusing' ? '5xx' : '2xx'
    this.#child = new Child(import.meta.url, [framework, kind])
  }

  async measure(): Promise<{ rate: number; cpu: number }> {
    this.#port ??= await this.#child.ask<number>('port')
    const before = await this.#child.ask<number>('cpu')
    const rate = await this.#load(this.#port)
    const used = (await this.#child.ask<number>('cpu')) - before
    return { rate, cpu: used / REQUESTS }
  }

  stop(): void {
    this.#child.stop()
  }

  async #load(port: number): Promise<number> {
    const url = `http://127.0.0.1:${port}`
    let first = 0
    let last = 0
    const result = await new Promise<Result>((resolve, reject) => {
      // It looks only every `sampleInt` ms whether it is done; hence our own clock.
      const options = { url, amount: REQUESTS, connections: CONNECTIONS, sampleInt: 10 }
      const load = autocannon(options, (error, result) => (error ? reject(error) : resolve(result)))
      load.on('response', () => {
        last = performance.now()
        first ||= last
      })
    })
    if (result[this.#expected] !== REQUESTS) {
      throw new Error(`${this.name} answered ${JSON.stringify(result.statusCodeStats)}`)
    }
    return ((REQUESTS - 1) * 1000) / (last - first)
  }
}

if (process.send !== undefined) {
  const [framework, kind] = process.argv.slice(2) as [Framework, Kind]
  const port = start(framework, kind)
  serve((question) => (question === 'port' ? port : cpu()))
}

function start(framework: Framework, kind: Kind): Promise<number> {
  // Each framework takes its own kind of middleware; the names tell which kinds there are.
  const { middleware, start } = apps[framework] as unknown as {
    middleware: Partial<Record<Kind, () => unknown>>
    start: (middleware: unknown) => Promise<number>
  }
  const make = middleware[kind]
  if (make === undefined) throw new Error(`${framework} has no ${kind}`)
  return start(make())
}

function cpu(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}
