import { type Rejection, throwingErrors } from '@lineclear/http'
import { type ExecutionContext, HttpException } from '@nestjs/common'
import type { Observable } from 'rxjs'
import { LimitExceededException } from './exception.ts'
import type { Exchange, PlatformResponse } from './exchange.ts'
import { nothing } from './nothing.ts'

type OnRejected = (rejection: Rejection, context: ExecutionContext) => unknown

/** Throws what exception filters answer, unless `onRejected` answers or throws. */
export async function refuse(
  rejection: Rejection,
  { res, response }: Exchange,
  context: ExecutionContext,
  onRejected: OnRejected | undefined,
): Promise<Observable<never>> {
  // Nest sends the head of an event stream while its request waits; a refusal is an event then.
  const begun = res.headersSent
  if (!begun) announce(rejection, response)
  if (onRejected !== undefined) {
    if (await answers(onRejected, rejection, response, context, begun)) return nothing()
    // Express 5 renders a template in a later turn, and crashes if it is answered by then.
    if (!begun) await new Promise(setImmediate)
  }
  if (begun ? res.writableEnded : res.headersSent || response.sent) return nothing()
  // What `@Header()` said is of the handler's answer.
  if (!begun) response.removeHeader('content-type')
  throw new LimitExceededException(rejection)
}

function announce({ status, headers }: Rejection, response: PlatformResponse): void {
  response.status(status)
  for (const name in headers) response.header(name, headers[name] as string)
}

/** Whether `onRejected` has said that it answers. */
async function answers(
  onRejected: OnRejected,
  rejection: Rejection,
  response: PlatformResponse,
  context: ExecutionContext,
  begun: boolean,
): Promise<boolean> {
  try {
    return await throwingErrors(async () => {
      const answer = onRejected(rejection, context)
      // Not awaited if it is the response: Fastify's is a promise of its own end.
      return answer === response || (await answer) === true
    })
  } catch (error) {
    // An exception is an answer of its own; an error is not to be answered with a refusal's headers.
    if (!begun && !(error instanceof HttpException)) {
      for (const name in rejection.headers) response.removeHeader(name)
    }
    throw error
  }
}
