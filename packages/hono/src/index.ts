export type { Rejection } from '@lineclear/http'
export { clientSignal, keepPermit } from './handler.ts'
export { type LimitMiddleware, type LimitOptions, limit, limit as default } from './limit.ts'
