import { setImmediate as nextTurn } from 'node:timers/promises'
import { limit } from '@lineclear/express'
import express from 'express'
import { listen } from './listen.ts'

// What server-side rendering or making a PDF is like: much memory, and the processor all the time.
// It stops when its client has left.
async function render(res: express.Response): Promise<string> {
  const pages = Buffer.alloc(8_000_000)
  for (let slice = 0; slice < 30 && !res.destroyed; slice++) {
    const end = performance.now() + 2
    while (performance.now() < end) pages[slice] = slice
    await nextTurn()
  }
  return `${pages.length} bytes\n`
}

const app = express()
let rendering = 0
let most = 0

async function report(_req: express.Request, res: express.Response): Promise<void> {
  most = Math.max(most, ++rendering)
  try {
    res.send(await render(res))
  } finally {
    rendering--
  }
}

app.get('/without', report)
app.get('/with', limit({ permits: 2, queue: 10 }), report)

app.get('/most-at-once', (_req, res) => {
  res.json(most)
  most = 0
})

listen(app)
