import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask, type Reply } from './ask.ts'
import { type Kind, programOf } from './available.ts'
import { Guarded } from './guarded.ts'
import { freePort } from './ports.ts'
import { TcpProxy } from './proxy.ts'
import { until } from './until.ts'

export interface ServerOptions {
  /** Default `'redis'`. */
  kind?: Kind | undefined
  /** Keeps its data through a kill (`appendfsync always`); by default nothing survives. */
  appendOnly?: boolean | undefined
  /** The lines of an ACL file, such as `user default off`. The harness asks as the default user. */
  acl?: readonly string[] | undefined
  /** More lines for redis.conf, such as `maxclients 20`. */
  config?: readonly string[] | undefined
}

/** A real server process on a loopback port, in a directory of its own. It cannot outlive the test process. */
export class Server {
  readonly host = '127.0.0.1'
  readonly port: number
  readonly kind: Kind
  readonly #program: string
  readonly #config: readonly string[]
  #directory: string
  #process: Guarded | undefined
  #isOver = false

  static async start(options: ServerOptions = {}): Promise<Server> {
    const { kind = 'redis', appendOnly = false, acl, config = [] } = options
    const program = programOf(kind)
    if (program === undefined) throw new Error(`there is no ${kind}-server on PATH`)
    const port = await freePort()
    const lines = ['bind 127.0.0.1', `port ${port}`, 'save ""', 'daemonize no', 'loglevel notice']
    if (appendOnly) lines.push('appendonly yes', 'appendfsync always')
    const directory = await newDirectory()
    if (acl !== undefined) lines.push('aclfile users.acl')
    const server = new Server(kind, program, port, directory, [...lines, ...config])
    if (acl !== undefined) await writeFile(join(directory, 'users.acl'), `${acl.join('\n')}\n`)
    await server.#run()
    return server
  }

  private constructor(
    kind: Kind,
    program: string,
    port: number,
    directory: string,
    config: readonly string[],
  ) {
    this.kind = kind
    this.#program = program
    this.port = port
    this.#directory = directory
    this.#config = config
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`
  }

  /** The reply to one command, on a connection of its own. Rejects with the server's error. */
  ask(...command: (string | number)[]): Promise<Reply> {
    return ask(this.port, ...command)
  }

  /** SIGKILL. Resolves when the process is gone; its directory stays for `restart`. */
  async kill(): Promise<void> {
    await this.#running.kill('keep')
    this.#process = undefined
  }

  /**
   * Kills it if it still runs, and starts it on the same port; resolves when it answers.
   * With `data: 'keep'` (the default) it finds its directory as it left it, which holds something only with
   * `appendOnly`; with `'lose'` it is empty.
   */
  async restart({ data = 'keep' }: { data?: 'keep' | 'lose' } = {}): Promise<void> {
    if (this.#process !== undefined) await this.kill()
    if (data === 'lose') {
      for (const name of ['appendonlydir', 'dump.rdb']) {
        await rm(join(this.#directory, name), { recursive: true, force: true })
      }
    }
    await this.#run()
  }

  /** SIGSTOP: connections stay, and new ones are accepted by the system, but nothing answers. */
  pause(): void {
    this.#running.signal('SIGSTOP')
  }

  /** SIGCONT. */
  resume(): void {
    this.#running.signal('SIGCONT')
  }

  async flushScripts(): Promise<void> {
    await this.ask('SCRIPT', 'FLUSH', 'SYNC')
  }

  /** CLIENT KILL TYPE; returns how many connections were closed. */
  async killClients(type: 'normal' | 'pubsub' | 'replica'): Promise<number> {
    return Number(await this.ask('CLIENT', 'KILL', 'TYPE', type))
  }

  /** The connections of a type, as CLIENT LIST has them, without the one that asks. */
  async clients(type: 'normal' | 'pubsub'): Promise<Record<string, string>[]> {
    const list = String(await this.ask('CLIENT', 'LIST', 'TYPE', type))
    return list
      .split('\n')
      .filter((line) => line !== '' && !line.includes('cmd=client|list'))
      .map((line) => Object.fromEntries(line.split(' ').map((field) => field.split(/=(.*)/, 2))))
  }

  /** Some fields of INFO, such as `info('replication')['role']`. */
  async info(section: string): Promise<Record<string, string>> {
    const text = String(await this.ask('INFO', section))
    return Object.fromEntries(
      text
        .split('\r\n')
        .filter((line) => line.includes(':'))
        .map((line) => line.split(/:(.*)/, 2)),
    )
  }

  /** Makes a replica a primary of its own, with what it has. */
  async promote(): Promise<void> {
    await this.ask('REPLICAOF', 'NO', 'ONE')
  }

  /** Ends the process and removes its directory. May be called in any state, and more than once. */
  async close(): Promise<void> {
    this.#isOver = true
    const running = this.#process
    this.#process = undefined
    await running?.kill('remove')
    await rm(this.#directory, { recursive: true, force: true })
  }

  get #running(): Guarded {
    if (this.#process === undefined) throw new Error(`the server on port ${this.port} is not running`)
    return this.#process
  }

  async #run(): Promise<void> {
    if (this.#isOver) throw new Error(`the server on port ${this.port} is closed`)
    const config = join(this.#directory, 'server.conf')
    await writeFile(config, `${this.#config.join('\n')}\n`)
    const log: string[] = []
    const running = await Guarded.start(this.#directory, [this.#program, config], (line) => {
      log.push(line)
      if (log.length > 50) log.shift()
    })
    this.#process = running
    let ended = false
    void running.ended.then(() => {
      ended = true
    })
    const answers = async () => {
      if (ended) return true
      const reply = await this.ask('PING').catch(noAuth)
      return reply === 'PONG'
    }
    try {
      await until(`${this.kind}-server answers on port ${this.port}`, answers)
    } catch (error) {
      await this.close()
      throw new Error(`${(error as Error).message}; its log:\n${log.join('\n')}`)
    }
    if (ended) {
      await this.close()
      throw new Error(`${this.kind}-server on port ${this.port} ended at once; its log:\n${log.join('\n')}`)
    }
  }
}

/** A server that wants a password answers too. */
function noAuth(error: Error): string {
  if (error.message.startsWith('NOAUTH') || error.message.startsWith('NOPERM')) return 'PONG'
  throw error
}

/** A replica, and the link to its primary, which can be held to make it stale. */
export interface Replica {
  readonly server: Server
  /** `link.hold()` leaves the replica behind, without its knowing; then `server.promote()` makes it primary. */
  readonly link: TcpProxy
  /** Resolves when it has all that the primary had when this was called. */
  caughtUp(): Promise<void>
  close(): Promise<void>
}

/** A replica that has caught up with `primary`. */
export async function startReplica(primary: Server, options: ServerOptions = {}): Promise<Replica> {
  const link = await TcpProxy.start(primary.port)
  const server = await Server.start({
    kind: primary.kind,
    ...options,
    config: [`replicaof 127.0.0.1 ${link.port}`, 'repl-diskless-sync-delay 0', ...(options.config ?? [])],
  })
  const caughtUp = async () => {
    const { master_repl_offset: wanted } = await primary.info('replication')
    await until(`the replica on port ${server.port} has caught up`, async () => {
      const { master_link_status, slave_repl_offset } = await server.info('replication')
      return master_link_status === 'up' && Number(slave_repl_offset) >= Number(wanted)
    })
  }
  const close = async () => {
    await Promise.all([server.close(), link.close()])
  }
  await primary.ask('CONFIG', 'SET', 'repl-diskless-sync-delay', 0)
  await caughtUp()
  return { server, link, caughtUp, close }
}

function newDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'lineclear-redis-'))
}
