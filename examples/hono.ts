import { setTimeout as sleep } from 'node:timers/promises'
import { getRequestListener } from '@hono/node-server'
import { limit } from '@lineclear/hono'
import { Hono } from 'hono'
import { listen } from './listen.ts'

const app = new Hono()

// Two at once; four more may wait, for 700 ms at most; the rest is refused.
const limited = limit({ permits: 2, queue: 4, queueTimeout: 700 })

app.get('/job/:name', limited, async (c) => {
  const { name } = c.req.param()
  console.log(`${name} acquired`)
  await sleep(500)
  return c.text(`${name} done\n`)
})

app.get('/status', (c) => {
  const { inUse, waiting } = limited.limiter
  return c.json({ inUse, waiting })
})

listen(getRequestListener(app.fetch))
