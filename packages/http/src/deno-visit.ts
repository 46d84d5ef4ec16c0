import { outcomeOfStatus } from './outcome.ts'
import { WebVisit } from './web-visit.ts'

/** What Deno.serve hands to a handler beside the request. */
export interface DenoInfo {
  readonly remoteAddr: unknown
  /** When the response is over, in whichever way. */
  readonly completed: Promise<void>
}

/**
 * A visit on Deno, which tells when a response is over, so that its body need not be watched. That a
 * client left before it was answered only the signal tells, and listening to it triples the cost of a
 * request that is answered soon: hence one listens while it waits, and from its second second on.
 */
export class DenoVisit extends WebVisit {
  readonly #info: DenoInfo
  /** On a clock in ms. */
  readonly since: number = performance.now()
  #listens = false
  #answered = false
  #status = 200

  constructor(request: Request, info: DenoInfo) {
    super(request, info)
    this.#info = info
  }

  override leaving(): AbortSignal {
    this.listen()
    return super.leaving()
  }

  /** Ends the visit when the client leaves before it is answered, also if it has left already. */
  override listen(): void {
    if (this.#listens || this.over) return
    this.#listens = true
    // Asked for the first time, a signal aborts a moment later if the client has left; else it has by now.
    if (this.request.signal.aborted) this.clientLeft()
    else super.watch()
  }

  /** Somebody else has answered. That the client has left is not known before `listen()`. */
  protected override left(): boolean {
    try {
      // Throws once the request is closed, and nothing else says so at once.
      void this.#info.remoteAddr
      return false
    } catch {
      return true
    }
  }

  protected override watch(): void {
    const complete = (): void => this.end(outcomeOfStatus(this.#status))
    this.#info.completed.then(complete, () => super.clientLeft())
    listenLater(this)
  }

  protected override unwatch(): void {
    young.delete(this)
    if (this.#listens) super.unwatch()
  }

  /** By default Deno aborts the signal of every request that was answered. */
  protected override clientLeft(): void {
    if (!this.#answered) super.clientLeft()
  }

  protected override async follow(response: Response): Promise<Response> {
    this.#answered = true
    this.#status = response.status
    // Only a body of our own can be cut short.
    return this.timed ? super.follow(response) : response
  }

  /** Read by the server is not yet sent. */
  protected override bodyOver(): void {}
}

const YOUTH = 1000
const young = new Set<DenoVisit>()
let scheduled = false

function listenLater(visit: DenoVisit): void {
  young.add(visit)
  if (scheduled) return
  scheduled = true
  setTimeout(listenToTheOld, YOUTH)
}

function listenToTheOld(): void {
  const now = performance.now()
  for (const visit of young) {
    if (now - visit.since < YOUTH) break
    young.delete(visit)
    visit.listen()
  }
  scheduled = young.size > 0
  if (scheduled) setTimeout(listenToTheOld, YOUTH)
}
