// A process of close-late.test.ts: closes a limiter when its client has been ended already, with a permit in
// use or none, and ends by itself.
import { redisLimiter } from '@lineclear/redis'
import { clientKinds } from './clients.ts'

const [, , kindName, port, name, inUse] = process.argv
const kind = clientKinds.find((one) => one.name === kindName)
if (kind === undefined) throw new Error(`there is no client ${kindName}`)

const { client, end } = await kind.standalone(Number(port))
const limiter = redisLimiter(client, { name: name as string, limit: 1, lease: 600 })
const permit = await limiter.acquire()
if (inUse !== 'in use') permit.release()
await end()
const closed = limiter.close()
// Nobody will release it: that is no reason to stay.
if (inUse === 'in use') console.log('left')
else {
  await closed
  console.log('closed')
}
