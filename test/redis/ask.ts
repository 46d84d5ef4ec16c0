import { connect } from 'node:net'

export type Reply = string | number | null | Error | Reply[]

/** One command to a server on loopback, over a connection of its own. Rejects with the server's error. */
export function ask(port: number, ...command: (string | number)[]): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    let received = Buffer.alloc(0)
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      const parsed = parse(received, 0)
      if (parsed === undefined) return
      socket.destroy()
      if (parsed.reply instanceof Error) reject(parsed.reply)
      else resolve(parsed.reply)
    })
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`${command[0]}: the server closed the connection`)))
    const parts = command.map(String)
    socket.write(
      `*${parts.length}\r\n${parts.map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`).join('')}`,
    )
  })
}

/** The reply that begins at `start`, and where the next one does; undefined while it is not complete. */
function parse(bytes: Buffer, start: number): { reply: Reply; end: number } | undefined {
  const lineEnd = bytes.indexOf('\r\n', start)
  if (lineEnd === -1) return undefined
  const line = bytes.toString('utf8', start + 1, lineEnd)
  const end = lineEnd + 2
  switch (String.fromCharCode(bytes[start] ?? 0)) {
    case '+':
      return { reply: line, end }
    case '-':
      return { reply: new Error(line), end }
    case ':':
      return { reply: Number(line), end }
    case '$': {
      const length = Number(line)
      if (length === -1) return { reply: null, end }
      if (bytes.length < end + length + 2) return undefined
      return { reply: bytes.toString('utf8', end, end + length), end: end + length + 2 }
    }
    case '*': {
      const replies: Reply[] = []
      let at = end
      for (let left = Number(line); left > 0; left--) {
        const item = parse(bytes, at)
        if (item === undefined) return undefined
        replies.push(item.reply)
        at = item.end
      }
      return { reply: Number(line) === -1 ? null : replies, end: at }
    }
    default:
      throw new Error(`not a reply: ${JSON.stringify(line)}`)
  }
}
