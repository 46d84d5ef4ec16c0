// A process of port.test.ts: uses a port and ends the user's client, once with and once without leaving the
// channel first. It is to end by itself.
import { portFor } from '../../packages/redis/src/port.ts'
import { scriptOf } from '../../packages/redis/src/run-script.ts'
import { clientKinds } from './clients.ts'
import { Ear } from './ear.ts'

const [, , name, port] = process.argv
const kind = clientKinds.find((one) => one.name === name)
if (kind === undefined) throw new Error(`there is no client ${name}`)

for (const stops of [true, false]) {
  const { client, end } = await kind.standalone(Number(port))
  const ear = new Ear(portFor(client), 'a')
  await ear.standsAgain(0)
  await portFor(client).run(scriptOf('return 1'), ['a'], [])
  if (stops) ear.stop()
  await end()
}
setTimeout(() => {
  console.error('still alive after 5 s')
  process.exit(1)
}, 5_000).unref()
