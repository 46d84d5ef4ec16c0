import type { FastifyInstance } from 'fastify'
import { type LimitOptions, limit } from './limit.ts'
import { type AppliedLimit, type Route, RouteLimits } from './routes.ts'

/** The options of `limit()`, or none: then only routes whose config asks for it are limited. */
export type LimitPluginOptions = LimitOptions | { [Option in keyof LimitOptions]?: undefined }

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * With `limitPlugin`: a limit of this route's own, asked after the plugin's, or `false` for none at
     * all. A GET shares it with the HEAD that Fastify adds.
     */
    limit?: LimitOptions | false | undefined
  }
  interface FastifyInstance {
    /** The limits of `limitPlugin` and of routes, as far as they are loaded. */
    limits: readonly AppliedLimit[]
  }
}

const LIMITS: unique symbol = Symbol('lineclear limits')
const INNERMOST: unique symbol = Symbol('lineclear innermost')

type Instance = FastifyInstance & { [LIMITS]?: RouteLimits; [INNERMOST]?: object }

/**
 * Limits all routes of the instance it is registered in, and of those below, together, and besides each
 * route whose config has a `limit` of its own: first the limit of the outermost instance, the route's
 * last. `config: { limit: false }` exempts a route from all of them.
 *
 * Registering it fails with a TypeError or RangeError for bad options, as does declaring a route with
 * some; a route that was declared before the plugin was loaded fails at its first request.
 */
export async function limitPlugin(app: FastifyInstance, options: LimitPluginOptions): Promise<void> {
  const instance: Instance = app
  const limits = limitsOf(instance)
  const self = {}
  // Instances below inherit it, as they do our hooks, unless they register the plugin again.
  instance[INNERMOST] = self

  if (Object.keys(options).length > 0) {
    const own = limit(options as LimitOptions)
    limits.applied.push({ route: `${app.prefix}/*`, limiter: own.limiter })
    app.addHook('onRequest', (request, reply, done) => {
      if (request.routeOptions.config?.limit === false) done()
      else own(request, reply, done)
    })
  }

  app.addHook('onRequest', (request, reply, done) => {
    const { [INNERMOST]: innermost } = request.server as Instance
    const own = innermost === self ? limits.of(request.routeOptions as Route) : undefined
    if (own === undefined) done()
    else own(request, reply, done)
  })
}

/** The limits of a server, which all registrations share. */
function limitsOf(app: Instance): RouteLimits {
  if (app[LIMITS] !== undefined) return app[LIMITS]
  const limits = new RouteLimits()
  app[LIMITS] = limits
  app.decorate('limits', limits.applied)
  app.addHook('onRoute', (route) => void limits.of(route as Route))
  return limits
}

// What the package fastify-plugin sets: the plugin is for the instance that registers it, not one below.
Object.assign(limitPlugin, {
  [Symbol.for('skip-override')]: true,
  [Symbol.for('fastify.display-name')]: '@lineclear/fastify',
  [Symbol.for('plugin-meta')]: { fastify: '5.x', name: '@lineclear/fastify' },
})
