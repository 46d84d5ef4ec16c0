import { limit } from '@lineclear/express'
import express from 'express'
import { listen } from './listen.ts'

const app = express()

// No limit here: a health check has to answer when all else is busy.
app.get('/health', (_req, res) => {
  res.json({ reports: reports.limiter.inUse, waiting: reports.limiter.waiting })
})

// A ceiling for everything that follows ...
app.use(limit({ permits: 100 }))

// ... and a lower one for the route that is expensive. Who finds ten waiting is refused at once.
const reports = limit({ permits: 1, queue: 10, queueTimeout: 10_000, retryAfter: 5 })

app.get('/report', reports, async (_req, res) => {
  await new Promise((resolve) => setTimeout(resolve, 300))
  res.send('a report\n')
})

app.get('/', (_req, res) => {
  res.send('cheap\n')
})

listen(app)
