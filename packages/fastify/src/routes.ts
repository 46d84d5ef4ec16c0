import type { Limiter } from '@lineclear/core'
import { type LimitHook, type LimitOptions, limit } from './limit.ts'

/** A limit in use: `GET /report`, or `/*` for all routes of a prefix. */
export interface AppliedLimit {
  readonly route: string
  /** With what a `BoundedSemaphore` says of itself; other limiters may not say it. */
  readonly limiter: Limiter & { readonly inUse?: number; readonly waiting?: number }
}

/** What both a route's options and its requests say of it. */
export interface Route {
  readonly method: string | readonly string[]
  readonly url: string
  readonly config?: { readonly limit?: LimitOptions | false | undefined } | undefined
}

/** The limits of the routes of one server, each made when its route is first seen. */
export class RouteLimits {
  readonly applied: AppliedLimit[] = []
  readonly #hooks = new WeakMap<LimitOptions, Map<string, LimitHook>>()

  /**
   * The limit of a route, if its config asks for one.
   *
   * @throws TypeError or RangeError for bad options.
   */
  of({ method, url, config }: Route): LimitHook | undefined {
    const options = config?.limit
    if (options === undefined || options === false) return undefined
    // Several routes may be given the same options.
    const route = nameOf(method, url)
    const known = this.#known(options, route)
    if (known !== undefined) return known
    const made = limit(options)
    const hooks = this.#hooks.get(options) ?? new Map<string, LimitHook>()
    this.#hooks.set(options, hooks.set(route, made))
    this.applied.push({ route, limiter: made.limiter })
    return made
  }

  /** Also what a GET among others was given, whose HEAD Fastify has added. */
  #known(options: LimitOptions, route: string): LimitHook | undefined {
    const hooks = this.#hooks.get(options)
    const same = hooks?.get(route)
    if (same !== undefined || hooks === undefined || !route.startsWith('GET ')) return same
    for (const [name, hook] of hooks) {
      const [methods = '', url] = name.split(' ')
      if (methods.split(',').includes('GET') && `GET ${url}` === route) return hook
    }
    return undefined
  }
}

/** The same for all that Fastify makes of one route: the HEAD of a GET, and both `/api` and `/api/`. */
function nameOf(method: string | readonly string[], url: string): string {
  return `${method === 'HEAD' ? 'GET' : method} ${url.length > 1 && url.endsWith('/') ? url.slice(0, -1) : url}`
}
