import { type ChildProcess, spawn } from 'node:child_process'
import { Agent, get } from 'node:http'
import type { Readable } from 'node:stream'
import type { Host, Runtime } from './runtimes.ts'

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** A server process of some runtime, and the line to its control. */
export class Site {
  /** The port of a runtime that cannot open another one for each cell. */
  readonly port: number | undefined
  readonly host: Host
  readonly #child: ChildProcess
  readonly #control: number
  readonly #agent = new Agent({ keepAlive: true })

  /** Resolves when the program listens. */
  static async start(runtime: Runtime, program: string): Promise<Site> {
    const { command, args } = runtime.start(program)
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', process.env.CONFORMANCE_STDERR ? 'inherit' : 'ignore', 'pipe'],
      env: { ...process.env, NODE_ENV: 'test', NODE_OPTIONS: '', NO_COLOR: '1' },
    })
    running.add(child)
    child.once('exit', () => running.delete(child))
    const said = runtime.speaksOn === 'stdout' ? (child.stdout as Readable) : (child.stdio[3] as Readable)
    const { control, port } = await new Promise<{ control: number; port?: number }>((resolve, reject) => {
      const ports: { control?: number; port?: number } = {}
      let text = ''
      child.on('error', reject)
      child.on('exit', (code) => reject(new Error(`${command} ended with ${code} instead of listening`)))
      said.on('data', (data) => {
        text += data
        for (const line of text.split('\n').slice(0, -1)) Object.assign(ports, runtime.portsOf(line))
        text = text.slice(text.lastIndexOf('\n') + 1)
        if (ports.control !== undefined) resolve(ports as { control: number })
      })
    })
    return new Site(runtime.host, child, control, port)
  }

  private constructor(host: Host, child: ChildProcess, control: number, port: number | undefined) {
    this.host = host
    this.#child = child
    this.#control = control
    this.port = port
  }

  // biome-ignore lint/suspicious/noExplicitAny: each command is answered differently
  ask(command: string, argument: string = ''): Promise<any> {
    return new Promise((resolve, reject) => {
      const path = `/-/${command}?${encodeURIComponent(argument)}`
      get({ port: this.#control, host: '127.0.0.1', path, agent: this.#agent }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (data) => (text += data))
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(text))
          else reject(new Error(`The control answered ${response.statusCode}: ${text}`))
        })
      }).on('error', reject)
    })
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  stop(): void {
    this.#agent.destroy()
    this.#child.kill('SIGKILL')
  }
}
