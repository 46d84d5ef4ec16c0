import { afterAll, beforeAll, expect } from 'vitest'
import type { UsersClient } from './clients.ts'

/** Fails a file in which a promise was rejected, or an error thrown, and nobody handled it. */
export function expectNoUnhandledError(): void {
  const unhandled: unknown[] = []
  const remember = (error: unknown) => unhandled.push(error)

  beforeAll(() => {
    process.on('unhandledRejection', remember)
    process.on('uncaughtException', remember)
  })

  afterAll(() => {
    process.off('unhandledRejection', remember)
    process.off('uncaughtException', remember)
    expect(unhandled).toEqual([])
  })
}

/** Two clients, as of two processes, for the tests of a suite. */
export function twoClients(
  connect: () => Promise<UsersClient> | undefined,
): () => readonly [UsersClient, UsersClient] {
  let clients: [UsersClient, UsersClient]

  beforeAll(async () => {
    clients = (await Promise.all([connect(), connect()])) as [UsersClient, UsersClient]
  })

  afterAll(async () => {
    for (const client of clients) await client.end()
  })

  return () => clients
}
