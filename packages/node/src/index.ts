export type { Rejection } from '@lineclear/http'
export { clientSignal, keepPermit } from './handler.ts'
export { type Limited, type LimitOptions, limit, limit as default } from './limit.ts'
