import { type Port, portFor, type RedisClient } from '../port.ts'

export interface Connection {
  readonly port: Port
  close(): void
}

/** In ms. A command line is not to hang on a server that does not answer. */
const PATIENCE = 5000

/** Connects with whichever client is installed beside us. */
export async function connect(url: string, isCluster: boolean): Promise<Connection> {
  const ioredis = ((await find('ioredis')) ?? (await find('iovalkey'))) as Ioredis | undefined
  if (ioredis !== undefined) {
    const client = isCluster
      ? new ioredis.Cluster([url], { lazyConnect: true })
      : new ioredis.Redis(url, { lazyConnect: true, retryStrategy: () => null })
    return open(client, () => client.disconnect())
  }
  const redis = (await find('redis')) as NodeRedis | undefined
  if (redis === undefined) throw new Error('a client is needed: npm install ioredis, iovalkey or redis')
  const client = isCluster
    ? redis.createCluster({ rootNodes: [{ url }] })
    : redis.createClient({ url, socket: { reconnectStrategy: false } })
  // One that has closed itself throws.
  return open(client, () => client.isOpen && client.destroy())
}

async function open(client: Connectable, end: () => void): Promise<Connection> {
  let failure: unknown
  client.on('error', (error) => {
    failure = error
  })
  try {
    await within(client.connect())
    return { port: portFor(client), close: end }
  } catch (error) {
    end()
    // What `connect()` rejects with is often no more than that the connection is closed.
    throw failure ?? error
  }
}

async function find(name: string): Promise<unknown> {
  try {
    return await import(name)
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_MODULE_NOT_FOUND') return undefined
    throw error
  }
}

/** Rejects if the promise has not settled after some seconds. */
export async function within<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`Redis did not answer within ${PATIENCE} ms`)), PATIENCE)
  })
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

type Connectable = RedisClient & {
  connect(): Promise<unknown>
  on(event: 'error', listener: (error: unknown) => void): unknown
}

interface Ioredis {
  Redis: new (url: string, options: object) => Connectable & { disconnect(): void }
  Cluster: new (urls: string[], options: object) => Connectable & { disconnect(): void }
}

type NodeRedisClient = Connectable & { readonly isOpen: boolean; destroy(): void }

interface NodeRedis {
  createClient(options: object): NodeRedisClient
  createCluster(options: object): NodeRedisClient
}
