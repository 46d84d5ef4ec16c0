import type { Random } from './random.ts'

/** What a request asks the server to do. It travels in a header, so that the server decides nothing. */
export interface Order {
  id: string
  act: Act
  /** Chunks of a body, or turns of the event loop. */
  steps: number
  /** Between steps, in ms; 0 is a turn of the event loop. */
  pause: number
  /** Turns of the event loop that an earlier middleware takes. */
  before: number
  /** Whether that middleware asks for the signal of the client's leaving. */
  listens: boolean
  skip: boolean
  weight: number
}

type Act =
  | 'answer'
  | 'later'
  | 'empty'
  | 'throw'
  | 'reject'
  | 'stream'
  | 'events'
  | 'failing'
  | 'flood'
  | 'never'
  | 'read'
  | 'signal'
  | 'keep'
  | 'raw'
  | 'kill'

export interface RequestPlan {
  order: Order
  method: 'GET' | 'HEAD' | 'POST'
  /** Bytes of the body. */
  upload: number
  /** Never in a pipeline but for its first: Node sends the 100 of a response whose turn has not come after its head. */
  expectsContinue: boolean
}

/** One connection, from its first byte until the client leaves. Each batch is sent at once. */
export interface Plan {
  batches: RequestPlan[][]
  /** Stops reading when the last batch is sent. */
  stalls: boolean
  /** During the last batch; or sooner, if an earlier one is not answered within `patience`. */
  leave: {
    /** `halfway`: before the requests are complete. `begun`: at the first byte of an answer. */
    when: 'halfway' | 'sent' | 'begun' | 'answered'
    /** How much later, in ms; 0 is at once. */
    after: number
    /** `FIN`: half-closes, and reads on for a while. */
    how: 'FIN' | 'close' | 'RST'
    /** Which part of the last batch is sent by one who leaves halfway. */
    part: number
  }
  /** The longest wait for the answers to each batch, in ms. */
  patience: number[]
}

const ACTS: Record<Act, number> = {
  answer: 34,
  later: 16,
  empty: 3,
  throw: 3,
  reject: 3,
  stream: 9,
  events: 0,
  failing: 3,
  flood: 0,
  never: 0,
  read: 5,
  signal: 6,
  keep: 5,
  raw: 5,
  kill: 1,
}

/**
 * The longest upload that goes with others, or with what may never end. Node stops to read from a
 * connection at a longer one that nobody reads, and then does not see that its client leaves.
 */
const UNREAD = 2000

/** Draws what one client does. */
export function drawPlan(random: Random, id: string): Plan {
  const batches: RequestPlan[][] = []
  let count = 0
  const draw = (): RequestPlan => drawRequest(random, `${id}.${++count}`)
  for (let left = random.between(1, 3); left > 0; left--) {
    const size = random.chance(0.25) ? random.between(2, 8) : 1
    batches.push(Array.from({ length: size }, draw))
  }
  const last = batches.at(-1) as RequestPlan[]
  const stalls = random.chance(0.03)
  const endless = stalls || random.chance(0.2)
  // What may never end comes last; and not for HEAD, whose body has no back-pressure.
  if (endless) endlessly(last.at(-1) as RequestPlan, stalls ? 'flood' : random.pick(['events', 'never']))
  for (const batch of batches) {
    for (const request of batch.slice(1)) request.expectsContinue = false
    if (batch.length === 1 && !batch.some(mayNotEnd)) continue
    for (const request of batch) request.upload = Math.min(request.upload, UNREAD)
  }
  return {
    batches,
    stalls,
    leave: {
      when: random.share({ halfway: 1, sent: endless ? 6 : 1, begun: 2, answered: endless ? 0 : 8 }),
      after: random.chance(0.5) ? 0 : random.between(1, 8),
      how: random.pick(['FIN', 'close', 'RST']),
      part: random.next(),
    },
    patience: batches.map((batch) =>
      batch.some(mayNotEnd) ? random.between(5, 40) : random.between(300, 1500),
    ),
  }
}

/** Draws a request of somebody who stays: it ends soon, and leaves the connection as it was. */
export function drawPolite(random: Random, id: string): RequestPlan {
  const { order, ...request } = drawRequest(random, id)
  const act = random.pick(['answer', 'later', 'empty', 'stream', 'read', 'signal', 'keep'] as const)
  return { ...request, expectsContinue: false, order: { ...order, act } }
}

function drawRequest(random: Random, id: string): RequestPlan {
  const act = random.share(ACTS)
  const uploads = act === 'read' || random.chance(0.08)
  const upload = random.chance(0.1) ? random.between(10_000, 200_000) : random.between(0, 2000)
  return {
    order: {
      id,
      act,
      steps: random.between(1, 5),
      pause: random.chance(0.7) ? 0 : random.between(1, 4),
      before: random.chance(0.25) ? random.between(1, 4) : 0,
      listens: random.chance(0.15),
      skip: random.chance(0.03),
      weight: random.pick([0, 1, 1, 2, 3, 5]),
    },
    // Hono makes a response of its own for HEAD, also where there is one already.
    method: uploads ? 'POST' : random.chance(0.1) && act !== 'raw' ? 'HEAD' : 'GET',
    upload: uploads ? upload : 0,
    expectsContinue: uploads && random.chance(0.1),
  }
}

function endlessly(request: RequestPlan, act: Act): void {
  request.order.act = act
  if (request.method === 'HEAD') request.method = 'GET'
}

function mayNotEnd({ order }: RequestPlan): boolean {
  return ['never', 'events', 'flood', 'failing', 'throw', 'reject'].includes(order.act)
}
