/** On a cluster, so that keys spread over its nodes. All processes have to have the same. */
const BUCKETS = 16

export interface Named {
  readonly namespace: string
  readonly name: string
  readonly perKey: boolean
}

/** How many buckets a limit's keys are in: each has requests, a lease and a heartbeat of its own. */
export function bucketCount({ perKey }: Named, isCluster: boolean): number {
  return perKey && isCluster ? BUCKETS : 1
}

/**
 * What all keys of a bucket begin with: what is in braces alone decides which node of a cluster has them. No
 * namespace has a colon and no name a bar, so no two limits have one tag.
 */
export function tagOf({ namespace, name, perKey }: Named, bucket: number): string {
  return perKey ? `{${namespace}:${name}|${bucket}}` : `{${namespace}:${name}}`
}

/** FNV-1a, over UTF-16 units. */
export function bucketOf(key: string, count: number): number {
  if (count === 1) return 0
  let hash = 0x811c9dc5
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193)
  return (hash >>> 0) % count
}
