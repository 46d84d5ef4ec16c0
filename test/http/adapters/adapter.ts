import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import type { Limiter } from '@lineclear/core'

/** What a handler answers, in no framework's terms. */
export interface Reply {
  status?: number
  body?: string | Readable
  /** Answered by hand, on the raw response. */
  raw?: true
}

/** What a handler sees. */
export interface Exchange {
  req: IncomingMessage
  res: ServerResponse
  url: string
  /** The adapter's `clientSignal()` and `keepPermit()`. */
  signal(): AbortSignal
  keep(): () => void
}

/** An application: an earlier middleware, some limits in a row on every route, and a handler. */
export interface App {
  limits: Limits
  before?: (exchange: Exchange) => Promise<void> | void
  handle: (exchange: Exchange) => Reply | Promise<Reply>
  /** Told of what reaches the framework's error handling, which answers 500. */
  onError?: (error: unknown) => void
}

// The context differs from framework to framework; the contract only passes it to `header` and `answer`.
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyLimit = (options: any) => { limiter: Limiter }
type Limits = (limit: AnyLimit, of: Translation) => { limiter: Limiter }[]

/** What a test needs to say in a framework's own words, given what it hands to an option's function. */
export interface Translation {
  // biome-ignore lint/suspicious/noExplicitAny: the context of whichever framework
  header(name: string): (...context: any[]) => string | undefined
  // biome-ignore lint/suspicious/noExplicitAny: the context of whichever framework
  answer(text: string): (rejection: unknown, ...context: any[]) => unknown
}

export interface Adapter {
  name: string
  create(app: App): Server | Promise<Server>
  translation: Translation
  /** How many things an option's function is given. */
  contextLength: number
  /** Whether the framework itself calls what comes next at once, and not in a later microtask. */
  callsOnTheStack: boolean
  /** Whether a rejected handler is answered 500; otherwise the request stays open. */
  answersRejections: boolean
  /** Whether the adapter sees when a handler has settled. */
  seesHandlers: boolean
  /** Whether a body stream that fails ends the response; otherwise the client has to leave. */
  endsFailedStreams: boolean
}

/** Express 4 and Connect do not look at what a handler returns: the rejection is nobody's, and nobody answers. */
export function unheard(): void {}
