import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { nodeClientSignal } from '@lineclear/http'
import type { Exchange } from '../http/adapters.ts'
import type { Findings } from './findings.ts'
import type { Order } from './plan.ts'

/** How far a request has come: in an earlier middleware, at the limit, or in its handler. */
export type Stage = 'before' | 'limit' | 'handler' | 'sending'

export interface Entry extends Exchange {
  readonly order: Order
  stage: 'before' | 'limit' | 'handler'
  /** Whether its handler has settled; a request whose handler never ran has nothing to settle. */
  settled: boolean
}

/** The requests of a server whose response is not over, and which clients are known to have left. */
export class Ledger {
  readonly present: Map<ServerResponse, Entry> = new Map()
  /** Those whose response is over, but not their handler. */
  readonly unsettled: Set<Entry> = new Set()
  /** In which stage clients left. */
  readonly leavers: Record<Stage, number> = { before: 0, limit: 0, handler: 0, sending: 0 }
  arrivals = 0
  handled = 0
  readonly #gone = new WeakSet<Socket>()
  /** Of those who asked for one; and whether they left, once it is known. */
  readonly #signals = new Map<Entry, { signal: AbortSignal; left?: boolean }>()
  readonly #keepers: Set<Entry> = new Set()
  #connections = 0
  #open = 0
  #onChange: () => void = () => {}
  readonly #findings: Findings

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** Before anybody else listens to it. */
  connected(socket: Socket): void {
    this.#connections++
    this.#open++
    socket.once('close', () => {
      this.#open--
      this.#gone.add(socket)
      for (const entry of this.present.values()) if (entry.req.socket === socket) this.#over(entry)
      this.#onChange()
    })
  }

  arrive(exchange: Exchange, order: Order): Entry {
    this.arrivals++
    const { req, res } = exchange
    const entry: Entry = { ...exchange, order, stage: 'before', settled: true }
    // Its close may be yet to be told.
    if (req.socket.destroyed) return entry
    this.present.set(res, entry)
    res.once('finish', () => this.#over(entry))
    res.once('close', () => this.#over(entry))
    if (order.listens) this.#signals.set(entry, { signal: nodeClientSignal(req, res) })
    return entry
  }

  /** A handler is about to run. */
  enter(entry: Entry): void {
    this.handled++
    const { order, stage, req, res } = entry
    // A request without a limit runs whether anybody waits for it or not.
    if (!order.skip && this.#gone.has(req.socket)) {
      this.#findings.add(`${order.act} ${order.id}: handled, but its client had left`)
    } else if (!order.skip && !this.present.has(res)) {
      this.#findings.add(`${order.act} ${order.id}: handled after its response was over`)
    }
    if (stage === 'handler') this.#findings.add(`${order.act} ${order.id}: handled twice`)
    entry.stage = 'handler'
    entry.settled = false
    if (!this.present.has(res)) this.unsettled.add(entry)
  }

  settle(entry: Entry): void {
    entry.settled = true
    this.unsettled.delete(entry)
  }

  async keep(entry: Entry, until: Promise<void>, release: () => void): Promise<void> {
    this.#keepers.add(entry)
    await until
    this.#keepers.delete(entry)
    release()
  }

  /** Requests that hold a permit as long as their response is not over. */
  get inside(): number {
    let count = 0
    for (const { stage, order, req } of this.present.values()) {
      // One whose connection the server has destroyed is over, though its close is yet to be told.
      if (stage === 'handler' && !order.skip && order.weight > 0 && !req.socket.destroyed) count++
    }
    return count
  }

  /** Requests that keep their permits though their response is over. */
  get keeping(): number {
    let count = 0
    for (const { order, res } of this.#keepers) {
      if (!this.present.has(res) && !order.skip && order.weight > 0) count++
    }
    return count
  }

  /** Requests that may hold a permit until their headers are sent. */
  get unanswered(): number {
    const holders = new Set([...this.present.values(), ...this.#keepers])
    return [...holders].filter(({ res }) => !res.headersSent).length
  }

  /** Requests whose handler has yet to settle. */
  get working(): number {
    let count = 0
    for (const { stage, order, settled } of [...this.present.values(), ...this.unsettled]) {
      if (stage === 'handler' && !settled && !order.skip && order.weight > 0) count++
    }
    return count
  }

  /** Requests that may be waiting for a permit: of a pipeline, only the first. */
  get atLimit(): number {
    const sockets = new Set<Socket>()
    for (const { stage, req } of this.present.values()) if (stage === 'limit') sockets.add(req.socket)
    return sockets.size
  }

  /** Resolves when so many connections have come in all, none but so many are left, and no request. */
  rest(connections: number, kept: number): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = () => {
        if (this.#connections >= connections && this.#open <= kept && this.present.size === 0) resolve()
      }
      this.#onChange()
    })
  }

  /** Whether each signal has aborted if, and unless `freely` only if, its client left. */
  checkSignals(freely: boolean): void {
    for (const [{ order }, { signal, left }] of this.#signals) {
      const { id, act } = order
      if (left && !signal.aborted) this.#findings.add(`${act} ${id}: left, but its signal did not abort`)
      if (left === false && signal.aborted && !freely) {
        this.#findings.add(`${act} ${id}: answered, but its signal aborted`)
      }
    }
    this.#signals.clear()
  }

  toString(): string {
    const lines = [`  ${this.#connections} connections, ${this.#open} open`]
    for (const { order, stage, res } of this.present.values()) {
      const state = `headers ${res.headersSent ? '' : 'not '}sent, ${res.writableEnded ? '' : 'not '}ended`
      lines.push(`  ${order.act} ${order.id}: ${stage}, ${state}`)
    }
    for (const { order } of this.unsettled)
      lines.push(`  ${order.act} ${order.id}: over, but not its handler`)
    return lines.slice(0, 30).join('\n')
  }

  #over(entry: Entry): void {
    const { res, stage, settled } = entry
    if (!this.present.delete(res)) return
    const left = !res.writableFinished
    if (left) this.leavers[stage === 'handler' && res.headersSent ? 'sending' : stage]++
    if (!settled) this.unsettled.add(entry)
    this.#onChange()
    const asked = this.#signals.get(entry)
    if (asked !== undefined) asked.left = left
  }
}
