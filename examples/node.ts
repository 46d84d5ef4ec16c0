import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { limit } from '@lineclear/node'
import { listen } from './listen.ts'

// Two at once; four more may wait, for 700 ms at most; the rest is refused.
const limited = limit({ permits: 2, queue: 4, queueTimeout: 700 })

const job = limited(async (req, res: ServerResponse) => {
  const name = req.url?.replace('/job/', '')
  console.log(`${name} acquired`)
  await sleep(500)
  res.end(`${name} done\n`)
})

function status(res: ServerResponse): void {
  const { inUse, waiting } = limited.limiter
  res.setHeader('content-type', 'application/json')
  res.end(JSON.stringify({ inUse, waiting }))
}

// Only the jobs are limited: the status has to be there when all else is busy.
listen((req, res) => {
  if (req.url === '/status') status(res)
  else job(req, res)
})
