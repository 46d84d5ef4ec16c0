// As much of it as we use. Not published: who uses this package has the types of Workers.
declare module 'cloudflare:workers' {
  export abstract class DurableObject<Env = unknown> {
    protected ctx: unknown
    protected env: Env
    constructor(ctx: unknown, env: Env)
  }
  export abstract class RpcTarget {}
  export function waitUntil(promise: Promise<unknown>): void
}
