/** Says that this process has too much to do, where latency alone may not show it. */
export interface LoadSignal {
  /** Whether it has too much to do now. Read at each release, so it has to be cheap. */
  readonly overloaded: boolean
}
