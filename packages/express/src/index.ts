export type { Rejection } from '@lineclear/http'
export { type LimitMiddleware, type LimitOptions, limit, limit as default } from './limit.ts'
