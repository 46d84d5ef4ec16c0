// One limit for all processes: `REDIS_URL=redis://localhost:6379 npx tsx examples/redis.ts`
import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import { limit } from '@lineclear/express'
import { redisLimiter } from '@lineclear/redis'
import express from 'express'
import { Redis } from 'ioredis'
import { listen } from './listen.ts'

if (cluster.isPrimary) startProcesses(2)
else serve()

function serve(): void {
  const client = new Redis(process.env.REDIS_URL ?? 'redis://localhost:6379')

  // Two jobs at once and ten that wait, whichever process has them. Should one die, its permits are free
  // for the others after two seconds.
  const limiter = redisLimiter(client, { name: 'jobs', limit: 2, queue: 10, lease: 2000 })

  const app = express()

  app.get('/job/:name', limit({ limiter, queueTimeout: 5000 }), async (req, res) => {
    console.log(`${req.params.name} begins in ${process.pid}`)
    await sleep(300)
    console.log(`${req.params.name} ends in ${process.pid}`)
    res.send(`${req.params.name} done\n`)
  })

  app.get('/status', async (_req, res) => {
    const { inUse, waiting, instances } = await limiter.stats()
    res.json({ inUse, waiting, processes: instances.length })
  })

  listen(app)

  async function stop(): Promise<void> {
    // Those who wait are refused; those who work come to their end, and their permits go back.
    await limiter.close()
    await client.quit()
    cluster.worker?.disconnect()
  }

  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

/** They share one port. */
function startProcesses(count: number): void {
  let running = count
  cluster.on('exit', () => {
    if (--running === 0) process.exit()
  })
  for (let i = 0; i < count; i++) cluster.fork()
  process.once('SIGTERM', () => {
    for (const worker of Object.values(cluster.workers ?? {})) worker?.process.kill('SIGTERM')
  })
  // Ctrl-C reaches the others too: this process is the last to go.
  process.once('SIGINT', () => {})
}
