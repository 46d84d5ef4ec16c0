import type { ServerResponse } from 'node:http'
import type { MaybePromise } from './maybe-promise.ts'
import type { Rejection } from './rejection.ts'

/**
 * Sends a refusal on a Node response, unless `onRejected` answers it or says, with `true`, that it will.
 * Rejects with what that throws; the response is then as if nothing had been refused.
 */
export async function refuseOnNode(
  rejection: Rejection,
  res: ServerResponse,
  onRejected: (() => MaybePromise<unknown>) | undefined,
): Promise<void> {
  res.statusCode = rejection.status
  for (const name in rejection.headers) res.setHeader(name, rejection.headers[name] as string)
  if (onRejected !== undefined) {
    try {
      if ((await onRejected()) === true) return
    } catch (error) {
      withdraw(rejection, res)
      throw error
    }
    // Express 5 renders a template in a later turn, and crashes if it is answered by then.
    await new Promise(setImmediate)
  }
  if (res.headersSent) return
  res.setHeader('content-type', rejection.type)
  res.end(rejection.body)
}

/** Lest an error be answered with the status and the headers of a refusal. */
function withdraw({ headers }: Rejection, res: ServerResponse): void {
  if (res.headersSent) return
  res.statusCode = 200
  for (const name in headers) res.removeHeader(name)
}
