// `pnpm start [express | koa | hono | fastify | node | fetch | saturated] [--serve]`: starts an example and shows it at work.
import { parseArgs } from 'node:util'
import { compareSaturated } from './tour/saturated.ts'
import { startExample } from './tour/server.ts'
import { showTimeline } from './tour/timeline.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { serve: { type: 'boolean' } } })
const [example = 'express'] = positionals
const examples = ['express', 'koa', 'hono', 'fastify', 'node', 'fetch', 'saturated']

if (!examples.includes(example)) {
  console.error(`There is no example "${example}"; there are ${examples.join(', ')}.`)
  process.exitCode = 1
} else if (values.serve) {
  const { url } = await startExample(example, process.env.PORT ?? '3000', console.log)
  const paths = example === 'saturated' ? ['/without', '/with', '/most-at-once'] : ['/job/1', '/status']
  console.log(`Try: ${paths.map((path) => `curl -i ${url}${path}`).join('\n     ')}\nCtrl-C ends it.`)
} else if (example === 'saturated') {
  await compareSaturated()
} else {
  await showTimeline(example)
}
