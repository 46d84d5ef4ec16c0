import type { Admission, Verdict } from './admission.ts'
import { DenoVisit } from './deno-visit.ts'
import { isPromise, type MaybePromise } from './maybe-promise.ts'
import { NodeVisit, nodeClientSignal, nodeKeepPermit } from './node-visit.ts'
import { onWorkers } from './platform.ts'
import type { Rejection } from './rejection.ts'
import { type Surroundings, surroundingsOf } from './surroundings.ts'
import { isPresent, WebVisit, webClientSignal, webKeepPermit } from './web-visit.ts'
import { WorkersVisit } from './workers-visit.ts'

/** What a request through a limit is answered with. */
export interface WebAnswers<Answer> {
  /** By the handler. */
  serve(): MaybePromise<Answer>
  /** In place of the handler. */
  refuse(rejection: Rejection): Promise<Response>
}

/**
 * One request through a limit, for a handler that returns a Response: asks for a permit, serves, and
 * keeps the permit until the response is over. `beside` is what the server handed over with the request.
 *
 * Returns what is to be sent, or a promise of it. Throws or rejects as the options' functions, `serve` and
 * `refuse` do.
 */
export function throughWeb<Context extends unknown[], Answer = Response>(
  admission: Admission<Context>,
  request: Request,
  beside: readonly unknown[],
  context: Context,
  answers: WebAnswers<Answer>,
): MaybePromise<Answer | Response> {
  const surroundings = surroundingsOf(request, beside)
  const { node } = surroundings
  if (node === undefined) return throughBody(admission, webVisitOf(request, surroundings), context, answers)
  const visit = new NodeVisit(node.req, node.res)
  const verdict = admission.enter(visit, context)
  return verdict === 'admitted' ? visit.serve(answers.serve) : throughNode(verdict, visit, answers)
}

/** On a server of Node, whose response tells when it is over. */
async function throughNode<Answer>(
  pending: MaybePromise<Verdict>,
  visit: NodeVisit,
  { serve, refuse }: WebAnswers<Answer>,
): Promise<Answer | Response> {
  const verdict = await pending
  if (verdict === 'admitted') return visit.serve(serve)
  return verdict === 'gone' ? unsent() : refuse(verdict)
}

/** Elsewhere it is over with the body of the Response. */
async function throughBody<Context extends unknown[], Answer>(
  admission: Admission<Context>,
  visit: WebVisit,
  context: Context,
  { serve, refuse }: WebAnswers<Answer>,
): Promise<Answer | Response> {
  try {
    const entered = admission.enter(visit, context)
    const verdict = isPromise(entered) ? await entered : entered
    if (verdict === 'admitted') return await visit.until(await visit.answer(serve))
    visit.end('ignored')
    return verdict === 'gone' ? unsent() : await refuse(verdict)
  } catch (error) {
    visit.end('ignored')
    throw error
  }
}

/** What is answered when nobody is there any more; @hono/node-server does not even try to send it. */
export function unsent(): Response {
  // It looks for this header on the platform's own Response only, not on its lighter one: hence the clone.
  return new Response(null, { status: 503, headers: { 'x-hono-already-sent': 'true' } }).clone()
}

/**
 * Aborts when the client leaves before its response is over, or when `maxHold` takes the permit back.
 * Of a request that passed no limit, its own signal.
 */
export function clientSignalOf(request: Request, beside: readonly unknown[] = []): AbortSignal {
  const surroundings = isPresent(request) ? {} : surroundingsOf(request, beside)
  const { node } = surroundings
  if (node !== undefined) return nodeClientSignal(node.req, node.res)
  return webClientSignal(request, identityOf(request, surroundings))
}

/** Keeps the permits that a request holds until the returned function is called. */
export function keepPermitOf(request: Request, beside: readonly unknown[] = []): () => void {
  const surroundings = isPresent(request) ? {} : surroundingsOf(request, beside)
  const { node } = surroundings
  if (node !== undefined) return nodeKeepPermit(node.req, node.res)
  return webKeepPermit(request, identityOf(request, surroundings))
}

function webVisitOf(request: Request, { deno, workers, bun }: Surroundings): WebVisit {
  if (deno !== undefined) return new DenoVisit(request, deno)
  if (workers !== undefined || onWorkers) return new WorkersVisit(request, workers)
  return new WebVisit(request, request, bun)
}

function identityOf(request: Request, { deno, workers }: Surroundings): object {
  return deno ?? workers ?? request
}
