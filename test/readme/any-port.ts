// Loaded before a README snippet: whatever port it asks for, it gets a free one, and says which.
import { type AddressInfo, Server } from 'node:net'

const { listen } = Server.prototype
Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
  this.once('listening', () => console.log(`port ${(this.address() as AddressInfo).port}`))
  const callback = args.findLast((arg) => typeof arg === 'function')
  return Reflect.apply(listen, this, [0, ...(callback === undefined ? [] : [callback])])
} as typeof listen
