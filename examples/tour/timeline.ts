import { setTimeout as sleep } from 'node:timers/promises'
import { startExample } from './server.ts'

/**
 * Sends seven requests to an example with two permits and room for four who wait: the first two print
 * "acquired" at once, the next two when those are done; one waits in vain, one leaves, one is refused.
 */
export async function showTimeline(example: string): Promise<void> {
  let origin = 0
  const sent = new Map<string, number>()
  const say = (name: string, text: string): void => {
    const at = Math.round(performance.now() - origin)
    console.log(`${String(at).padStart(5)} ms  request ${name}  ${text}`)
  }
  const since = (name: string): number => Math.round(performance.now() - (sent.get(name) ?? origin))

  const server = await startExample(example, '0', (line) => {
    const [name = '', did] = line.split(' ')
    if (did === 'acquired') say(name, `acquired a permit, ${since(name)} ms after it was sent`)
  })
  // The first request of a process is slow; it shall not be part of the timeline.
  await fetch(`${server.url}/status`)

  console.log(`${example}: limit({ permits: 2, queue: 4, queueTimeout: 700 }), 500 ms of work a request\n`)
  origin = performance.now()

  async function request(name: string, patience?: number): Promise<void> {
    sent.set(name, performance.now())
    say(name, 'sent')
    try {
      const signal = patience === undefined ? null : AbortSignal.timeout(patience)
      const response = await fetch(`${server.url}/job/${name}`, { signal })
      say(name, response.ok ? 'answered, its permit is free' : await refusal(response))
    } catch {
      say(name, `left after ${patience} ms of waiting; its handler never runs`)
    }
  }

  const all: Promise<void>[] = []
  for (const name of ['1', '2', '3', '4', '5', '6', '7']) {
    all.push(request(name, name === '6' ? 200 : undefined))
    await sleep(20)
  }
  await Promise.all(all)
  const { inUse, waiting } = (await (await fetch(`${server.url}/status`)).json()) as Record<string, number>
  console.log(`\nIn the end: ${inUse} permits in use, ${waiting} requests waiting.`)
  await server.stop()
}

async function refusal(response: Response): Promise<string> {
  const { detail } = (await response.json()) as { detail: string }
  return `refused with ${response.status}: ${detail} Retry-After: ${response.headers.get('retry-after')} s`
}
