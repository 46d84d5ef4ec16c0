import { upgradeWebSocket, websocket } from 'hono/bun'
import type { WebTarget } from '../hosts/web.ts'
import { honoApp } from './hono.ts'

export default ((stage) => ({ fetch: honoApp(stage, upgradeWebSocket).fetch, websocket })) satisfies WebTarget
