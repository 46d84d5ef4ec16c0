export type { Port, Script } from './port.ts'
