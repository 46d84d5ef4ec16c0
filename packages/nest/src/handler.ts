import { nodeClientSignal, nodeKeepPermit } from '@lineclear/http'
import { createParamDecorator, type ExecutionContext } from '@nestjs/common'
import { exchangeOf } from './exchange.ts'

/**
 * A signal for a handler that aborts when the client leaves before its response is over, or when
 * `maxHold` takes the permit back. Works without a limit too. Made when it is first asked for.
 *
 * @throws TypeError in another context than that of an HTTP request.
 */
export function clientSignal(context: ExecutionContext): AbortSignal {
  const { req, res } = exchangeOf(context)
  return nodeClientSignal(req, res)
}

/** Parameter decorator: the `clientSignal()` of the request. */
export const ClientSignal: () => ParameterDecorator = createParamDecorator(
  (_data: unknown, context: ExecutionContext) => clientSignal(context),
)

/**
 * Keeps the permits that the request holds, whatever becomes of its response, until the returned
 * function is called; `maxHold` goes on. For work that goes on when its client has left.
 *
 * @throws TypeError in another context than that of an HTTP request.
 */
export function keepPermit(context: ExecutionContext): () => void {
  const { req, res } = exchangeOf(context)
  return nodeKeepPermit(req, res)
}
