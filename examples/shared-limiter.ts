import { BoundedSemaphore, lifo, run } from '@lineclear/core'
import { limit } from '@lineclear/express'
import express from 'express'
import { listen } from './listen.ts'

// One database with ten connections, whoever asks. The newest waiter goes first: under overload it is
// the one whose client is still there.
const database = new BoundedSemaphore(10, { queue: lifo(50), timeout: 2000 })

const app = express()

app.get('/users', limit({ limiter: database }), async (_req, res) => {
  res.json(await query('users'))
})

// An export takes four of the ten at once.
app.get('/export', limit({ limiter: database, weight: () => 4 }), async (_req, res) => {
  res.json(await query('everything'))
})

// Work that is no request takes its permit from the same limiter.
app.post('/refresh', async (_req, res) => {
  await run(database, () => query('views'))
  res.json({ inUse: database.inUse })
})

async function query(what: string): Promise<{ what: string; inUse: number }> {
  await new Promise((resolve) => setTimeout(resolve, 50))
  return { what, inUse: database.inUse }
}

listen(app)
