import type { Answer } from './answers.ts'
import { Connection } from './connection.ts'
import type { Plan, RequestPlan } from './plan.ts'

/** What a client saw. */
export interface Report {
  answers: Answer[]
  /** What no server should have sent. */
  complaints: string[]
}

/** Does what the plan says; resolves when its connection is gone. */
export async function perform(plan: Plan, port: number): Promise<Report> {
  const { batches, stalls, leave, patience } = plan
  const connection = new Connection(port)
  const { answers } = connection
  const sent: RequestPlan[] = []
  for (const [i, batch] of batches.entries()) {
    if (connection.closed) break
    const last = i === batches.length - 1
    const halfway = last && leave.when === 'halfway'
    connection.send(batch, halfway ? leave.part : 1)
    sent.push(...batch)
    if (last && stalls) connection.stall()
    if (halfway) break
    if (last && leave.when === 'sent') break
    answers.begun = false
    const answered = (): boolean => answers.complete.length >= sent.length
    await connection.until(last && leave.when === 'begun' ? () => answers.begun : answered, patience[i])
    if (!last && !answered()) break
  }
  if (leave.after > 0) await connection.until(() => false, leave.after)
  await connection.leave(leave.how)
  return { answers: answers.complete, complaints: complaintsOf(connection, sent) }
}

/** What is wrong with the answers on a connection. */
export function complaintsOf({ nonsense, answers }: Connection, sent: readonly RequestPlan[]): string[] {
  const complaints = nonsense === undefined ? [] : [String(nonsense)]
  for (const [i, answer] of answers.complete.entries()) {
    const complaint = complaintOf(answer, sent[i] as RequestPlan)
    if (complaint !== undefined) complaints.push(complaint)
  }
  return complaints
}

function complaintOf({ status, body }: Answer, { order, method }: RequestPlan): string | undefined {
  const { id, act } = order
  const fails = ['throw', 'reject', 'failing', 'read'].includes(act)
  const expected = [200, 204, 503, ...(fails ? [500] : [])]
  if (!expected.includes(status)) return `${act} ${id} was answered ${status}: ${body}`
  const own = body === id || body.startsWith(`${id}, `) || act === 'flood'
  return status === 200 && method !== 'HEAD' && !own ? `${act} ${id} was answered ${body}` : undefined
}
