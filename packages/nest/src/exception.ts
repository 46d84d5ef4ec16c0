import type { Rejection } from '@lineclear/http'
import { HttpException } from '@nestjs/common'
import { Problem } from './problem.ts'

// Elsewhere than in V8 and JavaScriptCore this is a property nobody reads.
const V8Error: ErrorConstructor & { stackTraceLimit?: number } = Error

/**
 * A request was refused: what exception filters see. Status, Retry-After and RateLimit-Policy are set on
 * the response already. Without stack frames, which would be most of the cost of a refusal.
 */
export class LimitExceededException extends HttpException {
  readonly rejection: Rejection

  constructor(rejection: Rejection) {
    const problem = new Problem(rejection)
    const frames = V8Error.stackTraceLimit
    V8Error.stackTraceLimit = 0
    super(problem, rejection.status)
    V8Error.stackTraceLimit = frames as number
    this.message = problem.detail
    this.rejection = rejection
  }
}
