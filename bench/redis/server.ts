import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Redis } from 'ioredis'

/** What the server has done so far: scripts run for clients, and processor time in µs. */
export interface Work {
  calls: number
  cpu: number
}

/** A Redis of the benchmark's own: no persistence, on a free loopback port. It ends with this process. */
export class Server {
  readonly port: number
  readonly version: string
  readonly #shell: ChildProcess
  readonly #client: Redis

  static async start(): Promise<Server> {
    const port = await freePort()
    // The pipe closes however this process ends, and the server with it.
    const script = '"$@" & server=$!; read -r _; kill $server; wait $server'
    const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    const shell = spawn('sh', ['-c', script, 'sh', 'redis-server', ...args, '--loglevel', 'warning'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    const client = new Redis({
      port,
      lazyConnect: true,
      retryStrategy: (attempt) => (attempt > 100 ? null : 30),
    })
    client.on('error', () => {})
    try {
      await client.connect().catch(() => client.ping())
    } catch (cause) {
      throw new Error('redis-server did not start: is it on PATH?', { cause })
    }
    return new Server(port, await version(client), shell, client)
  }

  private constructor(port: number, version: string, shell: ChildProcess, client: Redis) {
    this.port = port
    this.version = version
    this.#shell = shell
    this.#client = client
  }

  /** All candidates send scripts and nothing else; what these call in turn is not counted. */
  async work(): Promise<Work> {
    const stats = await this.#client.info('commandstats')
    const calls = [...stats.matchAll(/cmdstat_eval(?:sha)?:calls=(\d+)/g)].map(([, calls]) => Number(calls))
    const cpu = [...(await this.#client.info('cpu')).matchAll(/used_cpu_(?:user|sys):([\d.]+)/g)]
    return { calls: sum(calls), cpu: 1e6 * sum(cpu.map(([, seconds]) => Number(seconds))) }
  }

  async stop(): Promise<void> {
    this.#client.disconnect()
    const exited = once(this.#shell, 'exit')
    this.#shell.stdin?.end()
    await exited
  }
}

async function version(client: Redis): Promise<string> {
  const info = await client.info('server')
  return /redis_version:(\S+)/.exec(info)?.[1] ?? 'unknown'
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function sum(values: number[]): number {
  return values.reduce((sum, value) => sum + value, 0)
}
