import { once } from 'node:events'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { BoundedSemaphore } from '@lineclear/core'
import type { Adapter, App, Exchange, Reply } from '../http/adapters/adapter.ts'
import { listening, turnOfTheLoop } from '../http/helpers.ts'
import type { CrowdPlan, CrowdReport } from './crowd.ts'
import type { Findings } from './findings.ts'
import { isExpected, obey } from './handler.ts'
import { Jobs } from './jobs.ts'
import { type Entry, Ledger } from './ledger.ts'
import { Meddler } from './meddler.ts'
import type { Order } from './plan.ts'
import { Random } from './random.ts'
import type { Regime } from './regimes.ts'
import { Regular } from './regular.ts'
import { WatchedLimiter } from './watched-limiter.ts'
import { within } from './within.ts'

const REGULARS = 2

/** Listeners that stay as long as their connection: ours to its close, and those of frameworks. */
const FEW = 3

/** A hold that no request outlasts, in ms. */
const LONG = 60_000

/** A server with the limits of one regime, and everything that watches it. It outlives many rounds. */
export class Site {
  readonly regime: Regime
  readonly ledger: Ledger
  readonly #findings: Findings
  readonly #limiter: WatchedLimiter
  /** Before the limiter, in a row. */
  readonly #outer: WatchedLimiter | undefined
  readonly #jobs: Jobs
  readonly #adapter: Adapter
  #server!: Server
  readonly #regulars: Regular[] = []
  /** The server's sides of the regulars' connections, with how many listeners they had at first. */
  readonly #kept = new Map<Socket, Map<string | symbol, number>>()
  readonly #entries = new WeakMap<Exchange['res'], Entry>()
  #meddler: Meddler | undefined
  #port = 0
  /** Clients of all crowds. */
  #visitors = 0

  constructor(adapter: Adapter, regime: Regime, findings: Findings) {
    const { permits, queue, dawdles } = regime
    const make = (permits: number): BoundedSemaphore => new BoundedSemaphore(permits, { queue: queue() })
    this.regime = regime
    this.#findings = findings
    this.ledger = new Ledger(findings)
    this.#limiter = new WatchedLimiter('the limiter', permits, make, findings, dawdles)
    if (regime.shape === 'row') {
      this.#outer = new WatchedLimiter('the outer limiter', permits * 2, make, findings)
    }
    this.#jobs = new Jobs(this.#limiter, findings)
    for (const limiter of this.#limiters) limiter.onLook = () => this.#look(limiter)
    this.#adapter = adapter
  }

  async open(): Promise<void> {
    this.#server = await this.#adapter.create(this.#app())
    this.#server.keepAliveTimeout = 0
    this.#server.on('connection', (socket) => {
      this.ledger.connected(socket)
      socket.once('close', () => this.#kept.delete(socket))
    })
    this.#port = await listening(this.#server)
    for (let i = 0; i < REGULARS; i++) this.#regulars.push(new Regular(`r${i}`, this.#port))
  }

  /** Serves a crowd, and checks that it leaves nothing behind. */
  async round(
    name: string,
    requests: number,
    send: (plan: CrowdPlan) => Promise<CrowdReport>,
  ): Promise<CrowdReport> {
    const { permits, meddled, cutOff = false } = this.regime
    const come = this.#regulars.map((regular, i) => regular.come(new Random(name, 'first', i)))
    await within(Promise.all(come), () => `answered its regulars\n${this}`)
    this.#compareListeners()
    if (meddled) {
      this.#meddler = new Meddler(new Random(name, 'meddler'), {
        limiter: this.#limiter,
        jobs: this.#jobs,
        server: this.#server,
        permits,
        cutOff,
        findings: this.#findings,
      })
    }
    const crowd = send({ name, port: this.#port, requests, atOnce: permits * 5 })
    let present = true
    const gone = (): void => {
      present = false
    }
    crowd.then(gone, gone)
    const visits = this.#regulars.map((regular, i) =>
      regular.visit(new Random(name, 'regular', i), () => present),
    )
    const report = await within(
      crowd,
      () => `seen the last of the crowd\n${this}`,
      () => this.ledger.arrivals,
    )
    this.#visitors += report.clients
    await this.#settle(Promise.all(visits))
    for (const complaint of report.complaints) this.#findings.add(complaint)
    return report
  }

  async close(): Promise<void> {
    for (const regular of this.#regulars) await regular.leave()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  /** Whatever is stuck. */
  abandon(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  toString(): string {
    return [...this.#limiters, this.#jobs, ...this.#regulars, this.ledger].join('\n')
  }

  get #limiters(): WatchedLimiter[] {
    return this.#outer === undefined ? [this.#limiter] : [this.#outer, this.#limiter]
  }

  #app(): App {
    const { shape, weighs, options } = this.regime
    return {
      limits: (limit, { header }) => {
        const common = {
          ...options,
          ...(this.#skips && { skip: (...context: unknown[]) => header('x-skip')(...context) === 'yes' }),
          ...(weighs && { weight: (...context: unknown[]) => Number(header('x-weight')(...context)) }),
        }
        const own = { ...common, limiter: this.#limiter }
        if (shape === 'twice') return [limit(own), limit(own)]
        return this.#outer ? [limit({ ...common, limiter: this.#outer }), limit(own)] : [limit(own)]
      },
      before: (exchange) => this.#arrive(exchange),
      handle: (exchange) => this.#handle(exchange),
      onError: (error) => this.#hear(error),
    }
  }

  get #skips(): boolean {
    return this.regime.meddled === true
  }

  #arrive(exchange: Exchange): Promise<void> | void {
    const { req, res } = exchange
    const order = JSON.parse(req.headers['x-order'] as string) as Order
    order.skip &&= this.#skips
    if (!this.regime.weighs) order.weight = 1
    const entry = this.ledger.arrive(exchange, order)
    this.#entries.set(res, entry)
    if (order.id.startsWith('r') && !this.#kept.has(req.socket)) this.#kept.set(req.socket, new Map())
    this.#meddler?.arrival()
    if (order.before === 0) entry.stage = 'limit'
    else return this.#dawdle(entry)
  }

  async #dawdle(entry: Entry): Promise<void> {
    for (let turn = 0; turn < entry.order.before; turn++) await turnOfTheLoop()
    entry.stage = 'limit'
  }

  #handle(exchange: Exchange): Reply | Promise<Reply> {
    const entry = this.#entries.get(exchange.res) as Entry
    this.ledger.enter(entry)
    for (const limiter of this.#limiters) limiter.look()
    const settled = (): void => this.ledger.settle(entry)
    try {
      const settles = this.regime.options.releaseOn === 'settled'
      const reply = obey(entry.order, exchange, settles, (until, release) =>
        this.ledger.keep(entry, until, release),
      )
      if (reply instanceof Promise) reply.then(settled, settled)
      else settled()
      return reply
    } catch (error) {
      settled()
      throw error
    }
  }

  /** What reaches the error handling of the framework: also that a client left in the middle of a body. */
  #hear(error: unknown): void {
    if (isExpected(error)) return
    this.#findings.add(`The framework's error handling got ${(error as Error)?.stack ?? error}`)
  }

  /** Everybody in a handler holds a permit; who holds one, or waits for one, is there, and has one only. */
  #look(limiter: WatchedLimiter): void {
    const { ledger } = this
    const { releaseOn = 'close', maxHold = Infinity, onMaxHold } = this.regime.options
    const jobs = limiter === this.#limiter ? this.#jobs : { holding: 0, waiting: 0 }
    const held = limiter.inUse - limiter.granting - jobs.holding
    const unheld = releaseOn === 'headers' || onMaxHold === 'release' ? 0 : ledger.inside
    const kept = releaseOn === 'headers' || maxHold < LONG ? 0 : ledger.keeping
    if (unheld + kept > held) this.#find(`${unheld} inside and ${kept} keep a permit`, limiter)
    if (releaseOn === 'settled' && ledger.working > held) this.#find(`${ledger.working} at work`, limiter)
    const holders = releaseOn === 'headers' ? ledger.unanswered : ledger.present.size + ledger.keeping
    const working = releaseOn === 'settled' ? ledger.working : 0
    if (!this.regime.weighs && held > holders + working + jobs.waiting) {
      this.#find(`${holders + working} could hold a permit`, limiter)
    }
    if (limiter.waiting > ledger.atLimit + jobs.waiting) {
      this.#find(`${ledger.atLimit} could be waiting`, limiter)
    }
  }

  #find(what: string, limiter: WatchedLimiter): void {
    this.#findings.add(`${what}, but ${limiter}; ${this.#jobs}`)
  }

  async #settle(regulars: Promise<unknown>): Promise<void> {
    const what = (): string => `\n${this}`
    const meddler = this.#meddler
    this.#meddler = undefined
    await within(Promise.resolve(meddler?.rest()), () => `let everybody in again${what()}`)
    await within(regulars, () => `answered its regulars${what()}`)
    const come = this.#visitors + this.#regulars.reduce((sum, { connections }) => sum + connections, 0)
    const kept = this.#regulars.filter(({ connected }) => connected).length
    await within(this.ledger.rest(come, kept), () => `seen ${come} clients go but for ${kept}${what()}`)
    await within(this.#jobs.rest(), () => `done its jobs${what()}`)
    await within(Promise.resolve(meddler?.drained()), () => `drained when asked to${what()}`)
    for (const limiter of this.#limiters) {
      await within(limiter.drain(), () => `got all permits back${what()}`)
      if (limiter.inUse !== 0 || limiter.waiting !== 0) this.#findings.add(`Drained, but ${limiter}`)
    }
    this.ledger.unsettled.clear()
    this.ledger.checkSignals(this.regime.options.maxHold !== undefined)
    this.#compareListeners()
    this.#hearRegulars()
  }

  #hearRegulars(): void {
    const { cutOff, options } = this.regime
    const mayLose = cutOff || (options.maxHold ?? Infinity) < LONG
    for (const regular of this.#regulars) {
      for (const complaint of regular.complaints.splice(0)) this.#findings.add(complaint)
      if (regular.losses > 0 && !mayLose) this.#findings.add('The server closed the connection of a regular')
      regular.losses = 0
    }
  }

  /** A connection between two requests has about as many listeners as after its first ones. */
  #compareListeners(): void {
    for (const [socket, first] of this.#kept) {
      const known = first.size > 0
      for (const event of socket.eventNames()) {
        const count = socket.listenerCount(event)
        if (!known) first.set(event, count)
        else if (count > (first.get(event) ?? 0) + FEW) {
          this.#findings.add(
            `${count} listeners to ${String(event)} of a connection; ${first.get(event)} at first`,
          )
        }
      }
    }
  }
}
