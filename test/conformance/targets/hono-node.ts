import { createAdaptorServer, upgradeWebSocket } from '@hono/node-server'
import { WebSocketServer } from 'ws'
import type { Make, NodeTarget } from '../hosts/node.ts'
import { honoApp } from './hono.ts'

export default ((stage, make) =>
  createAdaptorServer({
    fetch: honoApp(stage, upgradeWebSocket).fetch,
    createServer: ((_options: unknown, listener: unknown) => make(listener)) as never,
    // Their types disagree about undefined.
    websocket: { server: new WebSocketServer({ noServer: true }) as never },
  }) as ReturnType<Make>) satisfies NodeTarget
