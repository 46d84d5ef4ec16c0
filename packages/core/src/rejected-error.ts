/**
 * Why a permit was refused: the queue was `full`; `evicted` from it for another waiter, or by a
 * limit lowered below its weight; a `timeout` while waiting; `shed` by the queue's own judgement;
 * the limiter was `closed`.
 */
export type RejectionReason = 'full' | 'evicted' | 'timeout' | 'shed' | 'closed'

const MESSAGES: Record<RejectionReason, string> = {
  full: 'No permit: the queue is full',
  evicted: 'No permit: turned out of the queue',
  timeout: 'No permit: waited too long',
  shed: 'No permit: shed from the queue',
  closed: 'No permit: the limiter is closed',
}

// Elsewhere than in V8 and JavaScriptCore this is a property nobody reads.
const V8Error: ErrorConstructor & { stackTraceLimit?: number } = Error

/**
 * No permit was given; `reason` says why. A new error each time, without stack frames: refusing is
 * what an overloaded process does most, and capturing a stack is most of its cost.
 */
export class RejectedError extends Error {
  static {
    // On the prototype before any is made: the first line of the stack is written as it is made.
    RejectedError.prototype.name = 'RejectedError'
  }

  readonly reason: RejectionReason
  /** Seconds after which another attempt makes sense, where the limiter knows. */
  readonly retryAfter: number | undefined
  /** What happened, where `reason` alone would say something else. Our adapters tell it to the client. */
  readonly detail: string | undefined

  constructor(
    reason: RejectionReason,
    options: { cause?: unknown; retryAfter?: number | undefined; detail?: string | undefined } = {},
  ) {
    const cause = 'cause' in options ? { cause: options.cause } : undefined
    const frames = V8Error.stackTraceLimit
    V8Error.stackTraceLimit = 0
    super(options.detail === undefined ? MESSAGES[reason] : `No permit. ${options.detail}`, cause)
    V8Error.stackTraceLimit = frames as number
    this.reason = reason
    this.retryAfter = options.retryAfter
    this.detail = options.detail
  }
}
