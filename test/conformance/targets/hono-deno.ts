import { upgradeWebSocket } from 'hono/deno'
import type { WebTarget } from '../hosts/web.ts'
import { honoApp } from './hono.ts'

export default ((stage) => ({ fetch: honoApp(stage, upgradeWebSocket).fetch })) satisfies WebTarget
