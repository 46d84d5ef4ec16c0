export {
  type DurableLimiterOptions,
  durableLimiter,
  type FindLimiter,
  type LimiterStub,
} from './durable-limiter.ts'
export { LimiterObject, type LimiterState } from './limiter-object.ts'
export type { Answer, Place, PlaceRequest } from './place.ts'
export type { PlaceStub } from './remote-place.ts'
