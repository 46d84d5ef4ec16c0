import { perform } from './client.ts'
import { drawPlan } from './plan.ts'
import { Random } from './random.ts'

/** Clients of one round: who they are follows from the name, which has the seed in it. */
export interface CrowdPlan {
  name: string
  port: number
  requests: number
  /** How many clients at once. */
  atOnce: number
}

export interface CrowdReport {
  clients: number
  requests: number
  /** How many answers of each status. */
  answers: Record<number, number>
  complaints: string[]
}

/** Sends the clients, and resolves when all have left. */
export async function crowd({ name, port, requests, atOnce }: CrowdPlan): Promise<CrowdReport> {
  const report: CrowdReport = { clients: 0, requests: 0, answers: {}, complaints: [] }
  const one = async (): Promise<void> => {
    while (report.requests < requests) {
      const id = report.clients++
      const plan = drawPlan(new Random(name, id), `c${id}`)
      report.requests += plan.batches.flat().length
      const { answers, complaints } = await perform(plan, port)
      for (const { status } of answers) report.answers[status] = (report.answers[status] ?? 0) + 1
      report.complaints.push(...complaints)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, one))
  return report
}
