import { RejectedError } from '@lineclear/core'
import { LONGEST_TIMER } from './alarm.ts'
import { GivenPermit, type RedisPermit } from './redis-permit.ts'
import { watchAbort } from './watch-abort.ts'

/** Somebody who waits for a permit, until told one way or the other. */
export class Waiter {
  readonly #resolve: (permit: RedisPermit) => void
  readonly #reject: (error: unknown) => void
  readonly #takesNone: boolean
  #timer: ReturnType<typeof setTimeout> | undefined
  #unwatch: (() => void) | undefined
  /** Granted, but the one who waits has yet to be told. */
  #permit: RedisPermit | undefined

  constructor(resolve: (permit: RedisPermit) => void, reject: (error: unknown) => void, takesNone: boolean) {
    this.#resolve = resolve
    this.#reject = reject
    this.#takesNone = takesNone
  }

  /** Calls `leave` with the reason when it has waited for so long in ms, or its signal aborts. */
  watch(leave: (reason: unknown) => void, timeout: number, signal: AbortSignal | undefined): void {
    // A timeout of 0 is not by the clock: it is over when an answer has come.
    if (timeout > 0 && timeout < Infinity) this.#expire(leave, performance.now() + timeout)
    if (signal !== undefined) this.#unwatch = watchAbort(signal, leave)
  }

  /** Until it is told, it can still give up, but no longer be late. */
  grant(permit: RedisPermit): void {
    clearTimeout(this.#timer)
    this.#permit = permit
    if (!this.#takesNone) return
    this.#permit = new GivenPermit(permit.fence, '', 0)
    permit.release()
  }

  /** Tells that it was granted. False if it has given up since. */
  tell(): boolean {
    const permit = this.#permit
    if (permit === undefined) return false
    this.#permit = undefined
    this.#unwatch?.()
    this.#resolve(permit)
    return true
  }

  reject(error: unknown): void {
    clearTimeout(this.#timer)
    this.#unwatch?.()
    this.#reject(error)
    const permit = this.#permit
    this.#permit = undefined
    permit?.release()
  }

  #expire(leave: (reason: unknown) => void, at: number): void {
    const wait = Math.ceil(at - performance.now())
    if (wait <= 0) leave(new RejectedError('timeout'))
    else this.#timer = setTimeout(() => this.#expire(leave, at), Math.min(wait, LONGEST_TIMER))
  }
}
