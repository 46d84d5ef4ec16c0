import { type CrowdPlan, crowd } from './crowd.ts'

// A process of the clients' own, so that the memory measured is the server's.
process.on('message', async (plan: CrowdPlan) => process.send?.(await crowd(plan)))
process.on('disconnect', () => process.exit())
