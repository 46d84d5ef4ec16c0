import { setTimeout as sleep } from 'node:timers/promises'
import { limitPlugin } from '@lineclear/fastify'
import { fastify } from 'fastify'

const app = fastify()

// A ceiling for all routes ...
await app.register(limitPlugin, { permits: 100 })

// ... and a lower one for the jobs: two at once; four more may wait, for 700 ms at most; the rest is refused.
const jobs = { permits: 2, queue: 4, queueTimeout: 700 }

app.get<{ Params: { name: string } }>('/job/:name', { config: { limit: jobs } }, async ({ params }) => {
  console.log(`${params.name} acquired`)
  await sleep(500)
  return `${params.name} done\n`
})

// No limit at all here: the status has to be there when all else is busy.
app.get('/status', { config: { limit: false } }, async () => {
  const { inUse, waiting } = app.limits.find(({ route }) => route === 'GET /job/:name')?.limiter ?? {}
  return { inUse, waiting }
})

console.log(`listening on ${await app.listen({ port: Number(process.env.PORT ?? 3000), host: 'localhost' })}`)
