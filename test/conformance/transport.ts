/** HTTP/1.1 and HTTP/2, each in the clear and over TLS. */
export type Transport = 'h1' | 'tls' | 'h2c' | 'h2s'

export function protocolOf(transport: Transport): 'HTTP/1' | 'HTTP/2' {
  return transport === 'h1' || transport === 'tls' ? 'HTTP/1' : 'HTTP/2'
}
