import { setTimeout as sleep } from 'node:timers/promises'
import { limit } from '@lineclear/fetch'
import { toNodeHandler } from 'srvx/node'
import { listen } from './listen.ts'

// Two at once; four more may wait, for 700 ms at most; the rest is refused.
const limited = limit({ permits: 2, queue: 4, queueTimeout: 700 })

const job = limited(async (request: Request) => {
  const name = new URL(request.url).pathname.replace('/job/', '')
  console.log(`${name} acquired`)
  await sleep(500)
  return new Response(`${name} done\n`)
})

// What Bun.serve, Deno.serve and Workers take as it is; srvx brings it to Node.
function handle(request: Request): Response | Promise<Response> {
  const { inUse, waiting } = limited.limiter
  return new URL(request.url).pathname === '/status' ? Response.json({ inUse, waiting }) : job(request)
}

listen(toNodeHandler(handle) as Parameters<typeof listen>[0])
