/** A block of TypeScript in the README, with what the README says comes of it. */
export interface Snippet {
  line: number
  code: string
  /** From a comment `<!-- GET /path 200 -->` just before it: it is a server. */
  request: { path: string; status: number } | undefined
  /** From a text block just after it: what it prints. */
  prints: string | undefined
}

const BLOCK = /(?:<!-- GET (\S+) (\d+) -->\n)?```ts\n(.*?)```\n(?:\n```text\n(.*?)```)?/gs

export function snippetsOf(markdown: string): Snippet[] {
  return [...markdown.matchAll(BLOCK)].map(([, path, status, code = '', prints], i, all) => ({
    line: markdown.slice(0, all[i]?.index).split('\n').length,
    code,
    request: path === undefined ? undefined : { path, status: Number(status) },
    prints,
  }))
}
