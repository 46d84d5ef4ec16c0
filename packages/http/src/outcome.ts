import type { Outcome } from '@lineclear/core'

/** What a status says of the load behind the handler. */
export function outcomeOfStatus(status: number): Outcome {
  return status === 429 || status === 503 || status === 504 ? 'dropped' : 'success'
}
