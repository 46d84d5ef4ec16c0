/** What a handler is given: a request, or an event with one in it, as SvelteKit and h3 have it. */
export type RequestCarrier = Request | { readonly request: Request } | { readonly req: Request }

/** @throws TypeError for anything else. */
export function requestIn(carrier: RequestCarrier): Request {
  const { request, req } = (carrier ?? {}) as { request?: Request; req?: Request }
  const found = request ?? req ?? (carrier as Request)
  if (typeof found?.method === 'string' && typeof found.headers?.get === 'function') return found
  throw new TypeError(
    `a limited handler must be called with a Request, or an event that has one; received ${typeof carrier}`,
  )
}
