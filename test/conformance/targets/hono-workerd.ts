import { upgradeWebSocket } from 'hono/cloudflare-workers'
import type { WebTarget } from '../hosts/web.ts'
import { honoApp } from './hono.ts'

export default ((stage) => ({ fetch: honoApp(stage, upgradeWebSocket).fetch })) satisfies WebTarget
