import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { freePort } from './ports.ts'

/** A TCP proxy on loopback that can lose sight of the server behind it. */
export class TcpProxy {
  readonly port: number
  readonly #server: Server
  readonly #ways = new Set<Way>()
  readonly #weather: Weather = { isHeld: false, delay: 0 }
  #target: number

  static async start(target: number): Promise<TcpProxy> {
    const port = await freePort()
    const server = createServer()
    const proxy = new TcpProxy(port, server, target)
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  private constructor(port: number, server: Server, target: number) {
    this.port = port
    this.#server = server
    this.#target = target
    server.on('connection', (client) => this.#join(client, connect(this.#target, '127.0.0.1')))
  }

  /**
   * A black hole: nothing passes in either direction any more, not even that a side has closed, and nothing
   * is closed. New connections are accepted, and held too.
   */
  hold(): void {
    this.#weather.isHeld = true
  }

  /** What is sent from now on, in both directions, arrives `ms` later. */
  delay(ms: number): void {
    this.#weather.delay = ms
  }

  /** Ends hold and delay. What was held back arrives now, in order. */
  resume(): void {
    this.#weather.isHeld = false
    this.#weather.delay = 0
    for (const way of this.#ways) way.hurry()
  }

  /** Closes all connections, as a crash of the proxy would. */
  cut(): void {
    for (const way of this.#ways) way.destroy()
  }

  /** Where new connections lead from now on; those that exist stay. */
  leadTo(target: number): void {
    this.#target = target
  }

  async close(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #join(client: Socket, server: Socket): void {
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      const way = new Way(from, to, this.#weather)
      this.#ways.add(way)
      from.on('close', () => {
        if (to.destroyed) this.#ways.delete(way)
      })
      to.on('close', () => {
        if (from.destroyed) this.#ways.delete(way)
      })
    }
  }
}

interface Weather {
  isHeld: boolean
  delay: number
}

/** One direction of a connection. */
class Way {
  readonly #from: Socket
  readonly #to: Socket
  readonly #weather: Weather
  readonly #underway: { due: number; arrive: () => void }[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(from: Socket, to: Socket, weather: Weather) {
    this.#from = from
    this.#to = to
    this.#weather = weather
    from.on('data', (chunk) => this.#send(() => to.write(chunk)))
    from.on('end', () => this.#send(() => to.end()))
    from.on('error', () => this.#send(() => to.destroy()))
  }

  hurry(): void {
    for (const one of this.#underway) one.due = 0
    this.#arrive()
  }

  destroy(): void {
    clearTimeout(this.#timer)
    this.#underway.length = 0
    this.#from.destroy()
    this.#to.destroy()
  }

  #send(arrive: () => void): void {
    this.#underway.push({ due: performance.now() + this.#weather.delay, arrive })
    this.#arrive()
  }

  #arrive(): void {
    clearTimeout(this.#timer)
    for (;;) {
      const next = this.#underway[0]
      if (next === undefined || this.#weather.isHeld) return
      const wait = next.due - performance.now()
      if (this.#weather.delay > 0 && wait > 0) {
        this.#timer = setTimeout(() => this.#arrive(), wait)
        return
      }
      this.#underway.shift()
      next.arrive()
    }
  }
}
