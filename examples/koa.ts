import { setTimeout as sleep } from 'node:timers/promises'
import { limit } from '@lineclear/koa'
import Koa from 'koa'
import { listen } from './listen.ts'

const app = new Koa()

// Two at once; four more may wait, for 700 ms at most; the rest is refused.
const limited = limit({ permits: 2, queue: 4, queueTimeout: 700, skip: (ctx) => ctx.path === '/status' })

app.use(limited)

app.use(async (ctx) => {
  if (ctx.path === '/status') {
    const { inUse, waiting } = limited.limiter
    ctx.body = { inUse, waiting }
    return
  }
  const name = ctx.path.replace('/job/', '')
  console.log(`${name} acquired`)
  await sleep(500)
  ctx.body = `${name} done\n`
})

listen(app.callback())
