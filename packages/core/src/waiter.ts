import type { Deadline } from './deadlines.ts'
import type { AcquireRequest, Permit } from './limiter.ts'
import type { Linked } from './linked-list.ts'

/** Somebody waiting for permits. Queues may read `weight`, `priority` and `key` and own the links. */
export class Waiter implements Linked<Waiter> {
  prev: Waiter | undefined = undefined
  next: Waiter | undefined = undefined
  readonly weight: number
  readonly priority: number
  readonly key: string | undefined
  /** @internal */
  readonly signal: AbortSignal | undefined
  /** @internal */
  deadline: Deadline | undefined = undefined
  /** @internal Holds its permits, but its caller has not been told yet. */
  granted = false
  /** @internal */
  resolve!: (permit: Permit) => void
  /** @internal */
  reject!: (error: unknown) => void

  constructor(weight: number, request: AcquireRequest | undefined) {
    this.weight = weight
    this.priority = request?.priority ?? 0
    this.key = request?.key
    this.signal = request?.signal
  }

  /** @internal What the caller of `acquire` awaits. */
  promise(): Promise<Permit> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}
