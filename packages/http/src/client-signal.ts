import type { Outcome } from '@lineclear/core'
import type { Guest, Host } from './connection.ts'

/** Why a signal aborted: made once, since a server under attack has many that leave. */
export const LEFT: Error = new Error('The client left')

/** Why a signal aborted whose permit `maxHold` took back. */
export function takenBack(): Error {
  return new Error('The permit was held too long and has been taken back')
}

/** The signal of a handler behind a Node response. */
export class NodeClientSignal implements Guest {
  readonly host: Host
  readonly #controller = new AbortController()

  constructor(host: Host) {
    this.host = host
  }

  /** It is still there while a visit is; alone it need not be. */
  readonly lingers = false

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  abort(reason: Error): void {
    this.#controller.abort(reason)
  }

  end(outcome: Outcome): void {
    // An upgraded socket has no status, and ends when one of both leaves.
    if (outcome === 'ignored' || this.host.statusCode === undefined) this.abort(LEFT)
  }
}
