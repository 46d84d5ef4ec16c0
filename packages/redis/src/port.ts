/** A Lua script and the SHA-1 of its text. */
export interface Script {
  readonly text: string
  readonly sha: string
}

/** What the limiter needs of a Redis or Valkey client. */
export interface Port {
  /**
   * Runs a script by its SHA, or by its text where the server does not know it. All keys lie in one slot.
   * Rejects with the client's error. It has no time-out of its own: a hung server leaves it pending.
   */
  run(script: Script, keys: readonly string[], args: readonly string[]): Promise<unknown>

  /**
   * Hears a channel on a connection of its own, which all limiters of one client share. `onSubscribed` is
   * called whenever the subscription stands, the first time and after each reconnect: what was published
   * before is lost. Returns a function that stops it; with the last one the connection is closed.
   */
  subscribe(channel: string, onMessage: (message: string) => void, onSubscribed: () => void): () => void
}
