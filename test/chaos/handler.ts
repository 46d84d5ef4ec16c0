import { Readable } from 'node:stream'
import { nodeClientSignal, nodeKeepPermit } from '@lineclear/http'
import type { Exchange, Reply } from '../http/adapters/adapter.ts'
import { turnOfTheLoop } from '../http/helpers.ts'
import type { Order } from './plan.ts'

const CHUNK = Buffer.alloc(1 << 16, 'x')

/** What handlers of the run throw. */
class OnPurpose extends Error {}

/** How Node and the frameworks say that a client left while they sent or read a body. */
const LEAVINGS = /^(ECONNRESET|ECONNABORTED|EPIPE|ERR_STREAM_PREMATURE_CLOSE|ABORT_ERR|HPE_.*)$/

/** Whether what was thrown is ours, or only says that a client left. */
export function isExpected(error: unknown): boolean {
  return error instanceof OnPurpose || LEAVINGS.test(String((error as { code?: unknown } | null)?.code))
}

/**
 * Does what a request orders. Not async itself, so that some of it is thrown at once.
 *
 * @param settles whether the promise has to settle also if the response never ends
 * @param keeps told for how long the permit is kept beyond the response, and what gives it back then
 */
export function obey(
  order: Order,
  { req, res }: Exchange,
  settles: boolean,
  keeps: (until: Promise<void>, release: () => void) => void,
): Reply | Promise<Reply> {
  const { act, id, steps, pause } = order
  const reply: Reply = { body: id }
  switch (act) {
    case 'answer':
      return reply
    case 'later':
      return rest(order).then(() => reply)
    case 'empty':
      return { status: 204 }
    case 'throw':
      throw new OnPurpose(id)
    case 'reject':
      return rest(order).then(() => {
        throw new OnPurpose(id)
      })
    case 'stream':
      return { body: body(order, steps) }
    case 'events':
      return { body: body(order, Infinity) }
    case 'failing':
      return { body: body(order, steps, new OnPurpose(id)) }
    case 'flood':
      return { body: flood() }
    case 'never':
      return settles
        ? aborted(nodeClientSignal(req, res), Infinity).then(() => reply)
        : new Promise<Reply>(() => {})
    case 'read':
      return read(req, id).then(() => reply)
    case 'signal':
      return aborted(nodeClientSignal(req, res), steps * pause).then(() => reply)
    case 'keep': {
      keeps(rest(order), nodeKeepPermit(req, res))
      return pause > 0 ? reply : rest(order).then(() => reply)
    }
    case 'raw':
      byHand(order, res)
      return { raw: true }
    case 'kill':
      if (steps > 2) res.destroy()
      else req.socket.destroy()
      return { raw: true }
  }
}

/** A pause of the order's steps. */
async function rest({ steps, pause }: Order): Promise<void> {
  for (let i = 0; i < steps; i++) await step(pause)
}

function step(pause: number): Promise<void> {
  return pause === 0 ? turnOfTheLoop() : new Promise((resolve) => setTimeout(resolve, pause))
}

function body({ id, pause }: Order, steps: number, failure?: Error): Readable {
  return quiet(
    Readable.from(
      (async function* () {
        yield id
        for (let i = 0; i < steps; i++) {
          await step(pause)
          yield `, ${i}`
        }
        if (failure !== undefined) throw failure
      })(),
    ),
  )
}

function flood(): Readable {
  return quiet(
    new Readable({
      read() {
        this.push(CHUNK)
      },
    }),
  )
}

/** A framework that has not come to a body yet, or has given it up, does not hear of its failure. */
function quiet(stream: Readable): Readable {
  return stream.on('error', () => {})
}

async function read(req: Exchange['req'], id: string): Promise<void> {
  try {
    for await (const _ of req);
  } catch {
    // The client left.
    throw new OnPurpose(id)
  }
}

function aborted(signal: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = ms === Infinity ? undefined : setTimeout(done, ms)
    function done(): void {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })
}

async function byHand(order: Order, res: Exchange['res']): Promise<void> {
  res.writeHead(200, { 'content-type': 'text/plain' })
  res.write(order.id)
  await rest(order)
  if (!res.destroyed) res.end()
}
