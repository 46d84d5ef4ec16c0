export type { Rejection } from '@lineclear/http'
export type { RequestCarrier } from './carrier.ts'
export { clientSignal, keepPermit } from './handler.ts'
export { type LimitedHandler, type LimitOptions, limit, limit as default } from './limit.ts'
