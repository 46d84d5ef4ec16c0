import { freePort } from './ports.ts'
import { Server, type ServerOptions } from './servers.ts'
import { until } from './until.ts'

export interface ClusterOptions extends ServerOptions {
  /** Replicas of each of the three masters, default 0. */
  replicas?: number | undefined
  /** In ms, after which a node counts as lost, default 1000. */
  nodeTimeout?: number | undefined
}

const MASTERS = 3
const SLOTS = 16384

/** Three masters, each with a third of the slots, and their replicas. */
export class Cluster {
  /** The masters that it began with, in the order of their slots. */
  readonly masters: readonly Server[]
  readonly nodes: readonly Server[]

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const { replicas = 0, nodeTimeout = 1_000, config = [], ...rest } = options
    const nodes: Server[] = []
    const cluster = new Cluster(nodes)
    try {
      const started = Array.from({ length: MASTERS * (1 + replicas) }, async () => {
        const busPort = await freePort()
        return Server.start({
          ...rest,
          config: [
            'cluster-enabled yes',
            `cluster-port ${busPort}`,
            `cluster-node-timeout ${nodeTimeout}`,
            'repl-diskless-sync-delay 0',
            // A replica is told of only once it has received something.
            'repl-ping-replica-period 1',
            ...config,
          ],
        }).then((server) => ({ server, busPort }))
      })
      const results = await Promise.allSettled(started)
      const busPorts = new Map<Server, number>()
      for (const result of results) {
        if (result.status === 'rejected') continue
        nodes.push(result.value.server)
        busPorts.set(result.value.server, result.value.busPort)
      }
      for (const result of results) if (result.status === 'rejected') throw result.reason
      await cluster.#form(busPorts)
    } catch (error) {
      await cluster.close()
      throw error
    }
    return cluster
  }

  private constructor(nodes: Server[]) {
    this.nodes = nodes
    this.masters = []
  }

  /** Where a client may begin. */
  get roots(): { host: string; port: number }[] {
    return this.nodes.map(({ host, port }) => ({ host, port }))
  }

  /** The node that serves a key now, as the others see it. */
  async masterOf(key: string): Promise<Server> {
    const witness = await this.#anyAnswering()
    const slot = Number(await witness.ask('CLUSTER', 'KEYSLOT', key))
    const ranges = (await witness.ask('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
    const port = ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1]
    const server = this.nodes.find((node) => node.port === port)
    if (server === undefined) throw new Error(`no node serves slot ${slot}`)
    return server
  }

  /** Kills a master that has a replica; resolves to the replica when it serves in its place. */
  async failOver(master: Server): Promise<Server> {
    const slot = slotsOf(this.masters.indexOf(master))[0]
    await master.kill()
    let heir: Server | undefined
    await until(`a replica takes the place of the node on port ${master.port}`, async () => {
      for (const node of this.nodes) {
        if (node === master) continue
        const ranges = (await node.ask('CLUSTER', 'SLOTS')) as [number, number, [string, number]][]
        const port = ranges.find(([from, to]) => from <= slot && slot <= to)?.[2][1]
        if (port === master.port) return false
        heir = this.nodes.find((other) => other.port === port)
        if (!(await isWell(node))) return false
      }
      return heir !== undefined
    })
    return heir as Server
  }

  /** The same on each node that runs. */
  async flushScripts(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.flushScripts()))
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()))
  }

  async #form(busPorts: Map<Server, number>): Promise<void> {
    const masters = this.nodes.slice(0, MASTERS)
    ;(this as { masters: readonly Server[] }).masters = masters
    await Promise.all(this.nodes.map((node, index) => node.ask('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)))
    await Promise.all(
      masters.map((master, index) => master.ask('CLUSTER', 'ADDSLOTSRANGE', ...slotsOf(index))),
    )
    // Everybody meets everybody, which is faster than to wait for gossip.
    for (const node of this.nodes) {
      for (const other of this.nodes) {
        if (node !== other) {
          await node.ask('CLUSTER', 'MEET', other.host, other.port, busPorts.get(other) ?? 0)
        }
      }
    }
    await this.#agree()
    const replicas = this.nodes.slice(MASTERS)
    for (const [index, replica] of replicas.entries()) {
      const master = masters[index % MASTERS] as Server
      await replica.ask('CLUSTER', 'REPLICATE', String(await master.ask('CLUSTER', 'MYID')))
    }
    for (const replica of replicas) {
      await until('a replica follows its master', async () => {
        return (await replica.info('replication')).master_link_status === 'up'
      })
    }
    await this.#agree()
    await until('each node knows all replicas', async () => {
      for (const node of this.nodes) {
        const ranges = (await node.ask('CLUSTER', 'SLOTS')) as unknown[][]
        const known = ranges.reduce((sum, range) => sum + range.length - 3, 0)
        if (known !== replicas.length) return false
      }
      return true
    })
  }

  /** Waits until each node knows all others and all slots. */
  async #agree(): Promise<void> {
    for (const node of this.nodes) {
      await until(`the node on port ${node.port} is of the cluster`, async () => {
        const known = String(await node.ask('CLUSTER', 'NODES'))
        const lines = known.trim().split('\n')
        return (
          lines.length === this.nodes.length && !/handshake|fail|noaddr/.test(known) && (await isWell(node))
        )
      })
    }
  }

  async #anyAnswering(): Promise<Server> {
    for (const node of this.nodes) {
      try {
        await node.ask('PING')
        return node
      } catch {
        // Killed: the next.
      }
    }
    throw new Error('no node of the cluster runs')
  }
}

async function isWell(node: Server): Promise<boolean> {
  return String(await node.ask('CLUSTER', 'INFO')).includes('cluster_state:ok')
}

/** The first and the last slot of a master. */
function slotsOf(index: number): [number, number] {
  const share = SLOTS / MASTERS
  return [Math.ceil(index * share), Math.ceil((index + 1) * share) - 1]
}
