import type { Admission } from './admission.ts'
import { DenoVisit } from './deno-visit.ts'
import { NodeVisit, nodeClientSignal, nodeKeepPermit } from './node-visit.ts'
import { onWorkers } from './platform.ts'
import type { Rejection } from './rejection.ts'
import { type Surroundings, surroundingsOf } from './surroundings.ts'
import { WebVisit, webClientSignal, webKeepPermit } from './web-visit.ts'
import { WorkersVisit } from './workers-visit.ts'

/**
 * One request through a limit, for a handler that returns a Response: asks for a permit, serves, and
 * keeps the permit until the response is over. `beside` is what the server handed over with the request.
 *
 * Resolves with what is to be sent: what `serve` or `refuse` made, or nothing for a client that left
 * before it was served. Rejects as they do.
 */
export async function throughWeb<Context extends unknown[], R = Response>(
  admission: Admission<Context>,
  request: Request,
  beside: readonly unknown[],
  context: Context,
  serve: () => Promise<R>,
  refuse: (rejection: Rejection) => Promise<Response>,
): Promise<R | Response | undefined> {
  const surroundings = surroundingsOf(request, beside)
  const { node } = surroundings
  if (node !== undefined) {
    const visit = new NodeVisit(node.req, node.res)
    const verdict = await admission.enter(visit, context)
    if (verdict === 'admitted') return visit.serve(serve)
    return verdict === 'gone' ? undefined : refuse(verdict)
  }
  const visit = webVisitOf(request, surroundings)
  try {
    const verdict = await admission.enter(visit, context)
    if (verdict === 'admitted') return await visit.until(await visit.answer(serve))
    visit.end('ignored')
    return verdict === 'gone' ? undefined : await refuse(verdict)
  } catch (error) {
    visit.end('ignored')
    throw error
  }
}

/**
 * Aborts when the client leaves before its response is over, or when `maxHold` takes the permit back.
 * Of a request that passed no limit, its own signal.
 */
export function clientSignalOf(request: Request, beside: readonly unknown[]): AbortSignal {
  const surroundings = surroundingsOf(request, beside)
  const { node } = surroundings
  if (node !== undefined) return nodeClientSignal(node.req, node.res)
  return webClientSignal(request, identityOf(request, surroundings))
}

/** Keeps the permits that a request holds until the returned function is called. */
export function keepPermitOf(request: Request, beside: readonly unknown[]): () => void {
  const surroundings = surroundingsOf(request, beside)
  const { node } = surroundings
  if (node !== undefined) return nodeKeepPermit(node.req, node.res)
  return webKeepPermit(identityOf(request, surroundings))
}

function webVisitOf(request: Request, { deno, workers, bun }: Surroundings): WebVisit {
  if (deno !== undefined) return new DenoVisit(request, deno)
  if (workers !== undefined || onWorkers) return new WorkersVisit(request, workers)
  return new WebVisit(request, request, bun)
}

function identityOf(request: Request, { deno, workers }: Surroundings): object {
  return deno ?? workers ?? request
}
