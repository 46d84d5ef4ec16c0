/** Whether this is Cloudflare Workers, where nothing may be shared between requests but values. */
export const onWorkers: boolean = globalThis.navigator?.userAgent === 'Cloudflare-Workers'
