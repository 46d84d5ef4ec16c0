/** What a URL asks of the handlers and the middleware before them. */
export interface Cues {
  /** Opened to let the handler go on; the whole URL, if none is named. */
  gate: string
  /** An earlier middleware waits for this gate before it passes the request on. */
  before: string | undefined
  /** An earlier middleware passes the request on, and answers it itself when this gate opens. */
  answer: string | undefined
}

export function cues(url: string): Cues {
  const path = url.startsWith('/') ? url : url.slice(url.indexOf('/', url.indexOf('//') + 2))
  const params = new URLSearchParams(path.split('?')[1])
  return {
    gate: params.get('gate') ?? path,
    before: params.get('before') ?? undefined,
    answer: params.get('answer') ?? undefined,
  }
}
