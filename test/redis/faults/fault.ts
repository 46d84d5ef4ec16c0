import type { Kind } from '../available.ts'
import { Server } from '../servers.ts'
import { until } from '../until.ts'
import { Crowd, type CrowdOptions, type Figures } from './crowd.ts'

export interface Setting {
  readonly kind: Kind
  readonly processes: number
  /** For how long that lasts which is repeated or goes on. */
  readonly seconds: number
  /** One that has been up for longer than a lease, so that nothing has to be learned; it is not to be harmed. */
  readonly server: Server
  /** Closed when the fault is over, the last first. */
  own<Thing extends { close(): Promise<void> }>(thing: Thing): Thing
}

/** What is done to a crowd. It throws where a guarantee does not hold. */
export interface Fault {
  readonly name: string
  run(setting: Setting): Promise<Outcome>
}

export interface Outcome {
  readonly figures: Figures
  /** What else was measured. */
  readonly note?: string | undefined
}

/** Runs one fault, on a server of that kind that is shared by all. */
export async function inflict(
  fault: Fault,
  kind: Kind,
  extent: { processes: number; seconds: number },
): Promise<Outcome> {
  const owned: { close(): Promise<void> }[] = []
  const own = <Thing extends { close(): Promise<void> }>(thing: Thing): Thing => {
    owned.push(thing)
    return thing
  }
  try {
    return await fault.run({ kind, ...extent, server: await sharedServer(kind), own })
  } finally {
    for (const thing of owned.reverse()) await thing.close()
  }
}

/** `count` processes that contend, each of which has entered. */
export async function crowdOf(count: number, options: CrowdOptions, own: Setting['own']): Promise<Crowd> {
  const crowd = own(new Crowd(options))
  await crowd.add(count)
  await crowd.entered()
  return crowd
}

const shared = new Map<Kind, Promise<Server>>()

function sharedServer(kind: Kind): Promise<Server> {
  const server = shared.get(kind) ?? startServer(kind)
  shared.set(kind, server)
  return server
}

async function startServer(kind: Kind): Promise<Server> {
  const server = await Server.start({ kind })
  await until('the server has been up for longer than a lease', async () => {
    return Number((await server.info('server')).uptime_in_seconds) >= 2
  })
  return server
}

export async function closeShared(): Promise<void> {
  for (const server of await Promise.all(shared.values())) await server.close()
  shared.clear()
}
