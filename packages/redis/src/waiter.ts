import { RejectedError } from '@lineclear/core'
import { GivenPermit, type RedisPermit } from './redis-permit.ts'

// Longer delays overflow setTimeout's 32 bits and fire at once.
const LONGEST_TIMER = 2 ** 31 - 1

/** Somebody who waits for a permit, until told one way or the other. */
export class Waiter {
  readonly #resolve: (permit: RedisPermit) => void
  readonly #reject: (error: unknown) => void
  readonly #takesNone: boolean
  #timer: ReturnType<typeof setTimeout> | undefined
  #unwatch: (() => void) | undefined

  constructor(resolve: (permit: RedisPermit) => void, reject: (error: unknown) => void, takesNone: boolean) {
    this.#resolve = resolve
    this.#reject = reject
    this.#takesNone = takesNone
  }

  /** Calls `leave` with the reason when it has waited for so long in ms, or its signal aborts. */
  watch(leave: (reason: unknown) => void, timeout: number, signal: AbortSignal | undefined): void {
    // A timeout of 0 is not by the clock: it is over when an answer has come.
    if (timeout > 0 && timeout < Infinity) this.#expire(leave, performance.now() + timeout)
    if (signal === undefined) return
    const onAbort = (): void => leave(signal.reason)
    signal.addEventListener('abort', onAbort)
    this.#unwatch = () => signal.removeEventListener('abort', onAbort)
  }

  grant(permit: RedisPermit): void {
    this.#stop()
    if (this.#takesNone) {
      permit.release()
      this.#resolve(new GivenPermit(permit.fence, () => {}))
    } else this.#resolve(permit)
  }

  reject(error: unknown): void {
    this.#stop()
    this.#reject(error)
  }

  #expire(leave: (reason: unknown) => void, at: number): void {
    const wait = Math.ceil(at - performance.now())
    if (wait <= 0) leave(new RejectedError('timeout'))
    else this.#timer = setTimeout(() => this.#expire(leave, at), Math.min(wait, LONGEST_TIMER))
  }

  #stop(): void {
    clearTimeout(this.#timer)
    this.#unwatch?.()
  }
}
