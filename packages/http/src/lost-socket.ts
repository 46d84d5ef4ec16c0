import type { TLSSocket } from 'node:tls'

const WATCHED: unique symbol = Symbol('lineclear watched for loss')

interface Watched {
  [WATCHED]?: true
}

/** In ms. A socket that has made no progress for as long is lost. */
const GRACE = 1000

/**
 * Destroys a TLS socket whose client has left when Node does not. If the client resets the connection
 * just as Node (20 to 26) writes, most of all the session tickets when the handshake ends, the error of
 * that write is lost, and what is written next is never called back: the socket reads its end, ends, and
 * never closes.
 * HTTP/2 is not even told that it was read: there only `maxHold` helps.
 */
export function destroyWhenLost(socket: TLSSocket & Watched): void {
  if (!socket.encrypted || socket[WATCHED]) return
  socket[WATCHED] = true
  socket.once('end', () => look(socket, undefined))
}

function look(socket: TLSSocket, before: number | undefined): void {
  const unsent = socket.writableLength
  const timer = setTimeout(() => {
    // A server may go on writing when its client will not.
    if (socket.destroyed || !socket.writableEnded) return
    if (unsent === before) socket.destroy()
    else look(socket, unsent)
  }, GRACE)
  timer.unref()
}
