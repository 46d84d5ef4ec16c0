import type { NodeRequest, NodeResponse } from '@lineclear/http'
import type { ExecutionContext } from '@nestjs/common'

/** What the responses of Express and Fastify have in common, as far as a refusal needs it. */
export interface PlatformResponse {
  status(code: number): unknown
  header(name: string, value: string): unknown
  removeHeader(name: string): unknown
  /** Fastify only: the reply is not Fastify's to send any more. */
  hijack?(): unknown
  readonly sent?: boolean
}

/** A request and its response, as Node knows them and as the platform does. */
export interface Exchange {
  readonly req: NodeRequest
  readonly res: NodeResponse
  readonly response: PlatformResponse
}

/** @throws TypeError where there is no HTTP request, naming the kind of context. */
export function exchangeOf(context: ExecutionContext): Exchange {
  if (context.getType() !== 'http') {
    throw new TypeError(`this needs the context of an HTTP request; received "${context.getType()}"`)
  }
  const http = context.switchToHttp()
  const request = http.getRequest<NodeRequest & { raw?: NodeRequest }>()
  const response = http.getResponse<PlatformResponse & { raw?: NodeResponse }>()
  // Fastify wraps them, Express extends them.
  return { req: request.raw ?? request, res: response.raw ?? (response as unknown as NodeResponse), response }
}
