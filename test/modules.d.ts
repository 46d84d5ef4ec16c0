// Older majors of the frameworks, installed under another name; their types differ little.
declare module 'express4' {
  export { default } from 'express'
}
declare module 'koa2' {
  export { default } from 'koa'
}
// The same sources, on the Nest of test/frameworks/nest11: see vitest.config.ts.
declare module '@lineclear/nest?nest11' {
  export * from '@lineclear/nest'
}
declare module 'express-queue' {
  import type { RequestHandler } from 'express'
  export default function expressQueue(options: {
    activeLimit?: number
    queuedLimit?: number
  }): RequestHandler
}
