// A process of servers.test.ts: starts a server, tells which, and stays until it is killed.
import type { Kind } from './available.ts'
import { Server } from './servers.ts'

const server = await Server.start({ kind: process.argv[2] as Kind })
const [, directory] = (await server.ask('CONFIG', 'GET', 'dir')) as string[]
const { process_id: pid } = await server.info('server')
console.log(JSON.stringify({ pid: Number(pid), port: server.port, directory }))
setInterval(() => {}, 1_000)
