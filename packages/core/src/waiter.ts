import type { Deadline } from './deadlines.ts'
import type { AcquireRequest, Permit } from './limiter.ts'
import type { Linked } from './linked-list.ts'

/**
 * Somebody waiting for permits. Queues may read `weight`, `priority` and `key`, and own the links
 * and the place.
 *
 * With thousands of them the garbage collector's work is most of the time spent, so a plain waiter is
 * small: what few of them have is in `details`.
 */
export class Waiter implements Linked<Waiter> {
  prev: Waiter | undefined = undefined
  next: Waiter | undefined = undefined
  readonly weight: number
  /** @internal */
  resolve!: (permit: Permit) => void
  /** @internal */
  reject!: (error: unknown) => void
  #details: Details | undefined

  constructor(weight: number, request: AcquireRequest | undefined) {
    this.weight = weight
    this.#details = request === undefined ? undefined : new Details(request)
  }

  get priority(): number {
    return this.#details?.priority ?? 0
  }

  get key(): string | undefined {
    return this.#details?.key
  }

  /** What its queue notes of it, if anything. */
  get place(): unknown {
    return this.#details?.place
  }

  set place(place: unknown) {
    this.#details ??= new Details({})
    this.#details.place = place
  }

  /** @internal */
  get signal(): AbortSignal | undefined {
    return this.#details?.signal
  }

  /** @internal */
  get deadline(): Deadline | undefined {
    return this.#details?.deadline
  }

  set deadline(deadline: Deadline) {
    this.#details ??= new Details({})
    this.#details.deadline = deadline
  }

  /** @internal Holds its permits, but its caller has yet to be told, and may give up until then. */
  get granted(): boolean {
    return this.#details?.granted ?? false
  }

  /** @internal A plain waiter cannot give up, so nobody asks whether it is granted. */
  grant(): void {
    if (this.#details !== undefined) this.#details.granted = true
  }

  /** @internal What the caller of `acquire` awaits. */
  promise(): Promise<Permit> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

class Details {
  readonly signal: AbortSignal | undefined
  readonly priority: number
  readonly key: string | undefined
  deadline: Deadline | undefined = undefined
  place: unknown = undefined
  granted = false

  constructor({ signal, priority = 0, key }: AcquireRequest) {
    this.signal = signal
    this.priority = priority
    this.key = key
  }
}
