import { setTimeout as sleep } from 'node:timers/promises'
import { limit } from '@lineclear/express'
import express from 'express'
import { listen } from './listen.ts'

const app = express()

// Two at once; four more may wait, for 700 ms at most; the rest is refused.
const limited = limit({ permits: 2, queue: 4, queueTimeout: 700 })

app.get('/job/:name', limited, async (req, res) => {
  console.log(`${req.params.name} acquired`)
  await sleep(500)
  res.send(`${req.params.name} done\n`)
})

app.get('/status', (_req, res) => {
  const { inUse, waiting } = limited.limiter
  res.json({ inUse, waiting })
})

listen(app)
