import { BoundedSemaphore } from '@lineclear/core'

/** How a cell begins; travels to the server as JSON. */
export interface Setup {
  /** Default 1. */
  permits?: number
  /** How many may wait. Default 100. */
  queue?: number
  /** More options of `limit`. */
  limit?: object
  /** Options of a Node server, such as `requestTimeout`. */
  server?: object
  /** Gives a Node server a listener for upgrades, which says 101 and keeps the socket. */
  upgrades?: boolean
}

/** What a server tells of the cell that it plays. */
export interface State {
  inUse: number
  waiting: number
  /** The most that was ever in use when a handler was entered. */
  most: number
  /** The handlers that were entered, in order. */
  entered: string[]
  /** Chunks that were read of an endless body. */
  pulled: number
  /** Connections, or streams of HTTP/2, or requests of web runtimes that are known to have ended. */
  gone: number
  /** What handlers and commands have to report. */
  marks: string[]
  /** Warnings, exceptions and rejections that reached the process. */
  noise: string[]
}

/** What one cell is played on: a limiter of its own, gates for its handlers, and a record of what happened. */
export class Stage {
  readonly limiter: BoundedSemaphore
  /** What is given to `limit`. */
  readonly options: { limiter: BoundedSemaphore }
  gone = 0
  pulled = 0
  readonly noise: string[] = []
  readonly #entered: string[] = []
  readonly #marks: string[] = []
  readonly #gates: Gates
  #most = 0

  constructor({ permits = 1, queue = 100, limit }: Setup, gates: Gates) {
    this.limiter = new BoundedSemaphore(permits, { queue })
    this.options = { limiter: this.limiter, ...limit }
    this.#gates = gates
  }

  /** What every handler calls first. */
  enter(url: string): void {
    this.#entered.push(url)
    this.#most = Math.max(this.#most, this.limiter.inUse)
  }

  mark(what: string): void {
    this.#marks.push(what)
  }

  /** Resolves when the gate is opened. */
  passed(gate: string): Promise<void> {
    return this.#gates.passed(gate)
  }

  /** What an earlier middleware awaits that passes requests on late. */
  async before(gate: string): Promise<void> {
    this.mark('arrived')
    await this.passed(gate)
    this.mark('passed on')
  }

  open(gate: string): void {
    this.#gates.open(gate)
  }

  get state(): State {
    return {
      inUse: this.limiter.inUse,
      waiting: this.limiter.waiting,
      most: this.#most,
      entered: this.#entered,
      pulled: this.pulled,
      gone: this.gone,
      marks: this.#marks,
      noise: this.noise,
    }
  }
}

export interface Gates {
  open(gate: string): void
  passed(gate: string): Promise<void>
}

/** Gates that wake who waits for them. */
export class PromisedGates implements Gates {
  readonly #gates = new Map<string, { opened: Promise<void>; open: () => void }>()

  open(gate: string): void {
    this.#gate(gate).open()
  }

  passed(gate: string): Promise<void> {
    return this.#gate(gate).opened
  }

  #gate(name: string): { opened: Promise<void>; open: () => void } {
    let gate = this.#gates.get(name)
    if (gate === undefined) {
      let open!: () => void
      gate = { opened: new Promise<void>((resolve) => (open = resolve)), open }
      this.#gates.set(name, gate)
    }
    return gate
  }
}
