import { createServer } from 'node:http'
import { BoundedSemaphore } from '@lineclear/core'
import { Admission, NodeVisit } from '@lineclear/http'
import { expect, test } from 'vitest'
import { ask, take, VirtualClock } from '../core/helpers.ts'
import { Traces } from '../traces.ts'
import { listening, RawClient, until } from './helpers.ts'

const traces = new Traces()

class TracedVisit extends NodeVisit {
  override leaving(): AbortSignal {
    return traces.note('signal', super.leaving())
  }
}

test('nothing is left of requests, however they ended, on a connection that stays', async () => {
  const clock = new VirtualClock()
  const limiter = new BoundedSemaphore(1, { queue: 1, clock })
  const admission = new Admission<[]>({ limiter, queueTimeout: 100 })
  const server = createServer(async (req, res) => {
    if (req.url === '/later') {
      res.end('later')
      return
    }
    const visit = new TracedVisit(traces.note('request', req), traces.note('response', res))
    const verdict = await admission.enter(traces.note('visit', visit), [])
    res.end(`${req.url} ${typeof verdict === 'string' ? verdict : verdict.reason}`)
  })
  const port = await listening(server)
  const client = new RawClient(port)
  const somebodyWaits = (): Promise<void> => until(() => limiter.waiting === 1)

  await client.send('/free').receives('/free admitted')
  await limiter.drain()

  const permit = take(limiter)
  client.send('/waits')
  await somebodyWaits()
  permit.release()
  await client.receives('/waits admitted')
  await limiter.drain()

  const other = take(limiter)
  client.send('/slow')
  await somebodyWaits()
  clock.advance(100)
  await client.receives('/slow timeout')

  const leaver = new RawClient(port).send('/leaves')
  await somebodyWaits()
  leaver.leave()
  await until(() => limiter.waiting === 0)

  const waiter = ask(limiter)
  await client.send('/late').receives('/late full')
  other.release()
  await waiter.settled
  waiter.release()

  // node:http keeps the last request of a connection until the next one.
  for (let requests = 1; requests <= 2; requests++) {
    client.received = ''
    await client.send('/later').receives('later')
  }
  expect(await traces.remains()).toEqual([])
  expect(clock.timers).toBe(0)
  expect(limiter.inUse).toBe(0)
  server.close().closeAllConnections()
})
