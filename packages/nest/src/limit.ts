import type { BoundedSemaphore, Limiter } from '@lineclear/core'
import type { KeyedLimitOptions, PerKey } from '@lineclear/http'
import { type ExecutionContext, UseInterceptors } from '@nestjs/common'
import { LimitInterceptor, type LimitOptions } from './limit-interceptor.ts'

/** With `permits` and `key`, so many requests of each key: the limiter is a `keyed()` of the core. */
export function limit(options: KeyedLimitOptions<[context: ExecutionContext]>): LimitInterceptor<PerKey>
/**
 * An interceptor that lets a request in when a permit is free, makes it wait or refuses it otherwise, and
 * gives the permit back once, when the response is over, however it ends. For `useGlobalInterceptors()`,
 * `@UseInterceptors()`, or as the value of `APP_INTERCEPTOR`. What is no HTTP request (microservices,
 * WebSockets, GraphQL) passes without a permit.
 *
 * @throws TypeError or RangeError for bad options, naming the option and the value received.
 */
export function limit<L extends Limiter = BoundedSemaphore>(options: LimitOptions<L>): LimitInterceptor<L>
export function limit<L extends Limiter>(options: LimitOptions<L>): LimitInterceptor<L> {
  return new LimitInterceptor(options)
}

/**
 * Decorates a controller, whose routes share the limit, or a route. Takes options, or an interceptor made
 * by `limit()`, which several may share.
 *
 * @throws TypeError or RangeError for bad options, naming the option and the value received.
 */
export function Limit(limited: LimitOptions | LimitInterceptor): ClassDecorator & MethodDecorator {
  return UseInterceptors('intercept' in limited ? limited : limit(limited))
}
