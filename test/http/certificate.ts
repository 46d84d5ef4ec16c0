import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const file = (name: string): string => readFileSync(join(import.meta.dirname, 'tls', name), 'utf8')

/** For localhost, signed by itself, and for tests alone. */
export const certificate: { key: string; cert: string } = { key: file('key.pem'), cert: file('cert.pem') }
