import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Serves on $PORT, or 3000, and says where. */
export function listen(listener: RequestListener): void {
  const server = createServer(listener)
  server.listen(Number(process.env.PORT ?? 3000), 'localhost', () => {
    console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}`)
  })
}
