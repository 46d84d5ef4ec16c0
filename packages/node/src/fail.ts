import type { ServerResponse } from 'node:http'
import { destroyHost, type NodeRequest, type NodeResponse } from '@lineclear/http'

/** What a framework's error handling does by default: prints the error, and answers 500 if it still can. */
export function fail(error: unknown, req: NodeRequest, res: NodeResponse): void {
  console.error(error)
  if (res.writableEnded) return
  if (res.headersSent) destroyHost(req, res)
  else answer(res as ServerResponse)
}

function answer(res: ServerResponse): void {
  for (const name of res.getHeaderNames()) res.removeHeader(name)
  res.statusCode = 500
  res.setHeader('content-type', 'text/plain; charset=utf-8')
  res.end('Internal Server Error')
}
