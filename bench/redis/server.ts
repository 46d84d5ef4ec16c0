import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { Redis } from 'ioredis'

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

  /** Processor time it has used so far, in µs. */
  async cpu(): Promise<number> {
    const info = await this.#client.info('cpu')
    const seconds = [...info.matchAll(/used_cpu_(?:user|sys):([\d.]+)/g)].map(([, seconds]) =>
      Number(seconds),
    )
    return 1e6 * seconds.reduce((sum, each) => sum + each, 0)
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
