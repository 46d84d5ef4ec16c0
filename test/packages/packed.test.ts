import { execFileSync, spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packages, root, withTarballs } from './pack.ts'

// The packages as a user gets them: packed, and unpacked into an empty project beside the frameworks.

const project = mkdtempSync(join(tmpdir(), 'lineclear-user-'))
const modules = join(project, 'node_modules')

beforeAll(async () => {
  await withTarballs((tarballs) => {
    for (const [name, tarball] of tarballs) {
      const folder = join(modules, '@lineclear', name)
      mkdirSync(folder, { recursive: true })
      execFileSync('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'])
    }
  })
  mkdirSync(join(modules, '@types'))
  mkdirSync(join(modules, '@hono'))
  mkdirSync(join(modules, '@nestjs'))
  for (const name of [
    'express',
    'koa',
    'hono',
    'fastify',
    '@hono/node-server',
    '@nestjs/common',
    '@nestjs/core',
    '@nestjs/platform-express',
    'reflect-metadata',
    'rxjs',
    '@types/node',
    '@types/express',
    '@types/koa',
  ]) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
})

afterAll(() => rmSync(project, { recursive: true }))

function node(source: string, file: string): string {
  writeFileSync(join(project, file), source)
  return execFileSync(process.execPath, [file], { cwd: project, encoding: 'utf8' })
}

const serveOne = (listener: string): string => `
  const server = createServer(${listener}).listen(0, async () => {
    const { port } = server.address()
    const response = await fetch(\`http://localhost:\${port}/\`)
    console.log(response.status, await response.text())
    server.close().closeAllConnections()
  })`

interface UserApp {
  /** Each module by the name that the code has for it. */
  modules: Record<string, string>
  code: string
}

const apps: Record<string, UserApp> = {
  express: {
    modules: { express: 'express' },
    code: `const app = express(); app.use(limit({ permits: 2 })); app.get('/', (req, res) => res.send('hello'))
      ${serveOne('app')}`,
  },
  koa: {
    modules: { Koa: 'koa' },
    code: `const app = new Koa(); app.use(limit({ permits: 2 })); app.use((ctx) => { ctx.body = 'hello' })
      ${serveOne('app.callback()')}`,
  },
  hono: {
    modules: { hono: 'hono', nodeServer: '@hono/node-server' },
    code: `const app = new hono.Hono(); app.use(limit({ permits: 2 })); app.get('/', (c) => c.text('hello'))
      ${serveOne('nodeServer.getRequestListener(app.fetch)')}`,
  },
  nest: {
    modules: { reflection: 'reflect-metadata', common: '@nestjs/common', core: '@nestjs/core' },
    code: `class Site { hello() { return 'hello' } }
      common.Controller()(Site)
      common.Get()(Site.prototype, 'hello', Object.getOwnPropertyDescriptor(Site.prototype, 'hello'))
      class App {}
      common.Module({ controllers: [Site] })(App)
      core.NestFactory.create(App, { logger: false }).then(async (app) => {
        app.useGlobalInterceptors(limit({ permits: 2 }))
        await app.init()
        ${serveOne('app.getHttpAdapter().getInstance()')}
      })`,
  },
  fastify: {
    modules: { fastify: 'fastify' },
    code: `const app = fastify.fastify(); app.addHook('onRequest', limit({ permits: 2 })); app.get('/', async () => 'hello')
      ${serveOne('(req, res) => app.ready(() => app.routing(req, res))')}`,
  },
  node: { modules: {}, code: serveOne("limit({ permits: 2 })((req, res) => res.end('hello'))") },
  fetch: {
    modules: { nodeServer: '@hono/node-server' },
    code: serveOne("nodeServer.getRequestListener(limit({ permits: 2 })(() => new Response('hello')))"),
  },
}

describe('the packed packages', () => {
  it.each(packages)('@lineclear/%s carries its licence, a README, and no sources', (name) => {
    const folder = join(modules, '@lineclear', name)
    expect(['LICENSE', 'README.md', 'src'].map((file) => existsSync(join(folder, file)))).toEqual([
      true,
      true,
      false,
    ])
    const { exports, dependencies = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    expect(exports['.'].default).toBe('./dist/index.js')
    expect(JSON.stringify(dependencies)).not.toContain('workspace:')
  })

  it.each(Object.entries(apps))('serve a request with import in %s', (name, { modules, code }) => {
    const imports = Object.entries(modules).map(
      ([local, module]) => `import * as ${local}Module from '${module}'
        const ${local} = ${local}Module.default ?? ${local}Module`,
    )
    const source = `import { createServer } from 'node:http'
      import { limit } from '@lineclear/${name}'
      ${imports.join('\n')}
      ${code}`
    expect(node(source, `${name}.mjs`)).toBe('200 hello\n')
  })

  it.each(Object.entries(apps))('serve a request with require in %s', (name, { modules, code }) => {
    const requires = Object.entries(modules).map(
      ([local, module]) => `const ${local} = require('${module}').default ?? require('${module}')`,
    )
    const source = `const { createServer } = require('node:http')
      const { limit } = require('@lineclear/${name}')
      ${requires.join('\n')}
      ${code}`
    expect(node(source, `${name}.cjs`)).toBe('200 hello\n')
  })

  it('simulate a scenario with the bin that npm links', () => {
    const { bin } = JSON.parse(readFileSync(join(modules, '@lineclear/simulator/package.json'), 'utf8'))
    const scenario = {
      duration: 1000,
      arrivals: { kind: 'poisson', rate: 100 },
      service: 5,
      candidates: [{ permits: 2 }],
    }
    writeFileSync(join(project, 'scenario.json'), JSON.stringify(scenario))
    mkdirSync(join(modules, '.bin'), { recursive: true })
    const linked = join(modules, '.bin/lineclear-simulate')
    const file = join(modules, '@lineclear/simulator', bin['lineclear-simulate'])
    chmodSync(file, 0o755)
    symlinkSync(file, linked)
    const printed = execFileSync(linked, ['scenario.json'], { cwd: project, encoding: 'utf8' })
    expect(printed).toMatch(/^2 permits +\d+ +100 % /m)
  })

  it.each(['ioredis', 'iovalkey', 'redis'])(
    'look at a shared limit with the bin that npm links, and %s',
    (client) => {
      const folder = join(modules, '@lineclear/redis')
      const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
      const link = join(modules, client)
      symlinkSync(join(root, 'node_modules', client), link)
      const [file, ...nowhere] = [
        join(folder, bin['lineclear-redis']),
        'inspect',
        'a',
        '--url',
        'redis://127.0.0.1:1',
      ]
      chmodSync(file, 0o755)
      const refused = spawnSync(file, nowhere, { cwd: project, encoding: 'utf8' })
      expect([refused.status, refused.stdout, refused.stderr]).toEqual([
        1,
        '',
        expect.stringMatching(/^lineclear-redis: .*ECONNREFUSED/),
      ])
      // It finds no other: it would be the one that answers.
      rmSync(link)
      const bare = spawnSync(file, nowhere, { cwd: project, encoding: 'utf8' })
      expect(bare.stderr).toContain('a client is needed: npm install ioredis, iovalkey or redis')
    },
  )

  it.each([
    ['import', 'mjs', "import { redisLimiter } from '@lineclear/redis'"],
    ['require', 'cjs', "const { redisLimiter } = require('@lineclear/redis')"],
  ])('share a limit with %s, and need none of the clients', (_, type, load) => {
    const source = `${load}
      try { redisLimiter({}, { name: 'a', limit: 1 }) } catch (error) { console.log(error.message) }`
    expect(node(source, `redis.${type}`)).toMatch(/^client must be a client of ioredis/)
  })

  it('have types for a strict user whose lib knows nothing of disposables', () => {
    writeFileSync(
      join(project, 'typed.ts'),
      `import { createServer } from 'node:http'
       import { BoundedSemaphore, lifo, RejectedError, run } from '@lineclear/core'
       import express from 'express'
       import { limit } from '@lineclear/express'
       import { limit as koaLimit } from '@lineclear/koa'
       import { limit as honoLimit } from '@lineclear/hono'
       import { ClientSignal, Limit, LimitExceededException, limit as nestLimit } from '@lineclear/nest'
       import { Catch, Controller, Get, type ExceptionFilter, type INestApplication } from '@nestjs/common'
       import fastify from 'fastify'
       import { limit as fastifyLimit, limitPlugin } from '@lineclear/fastify'
       import { limit as nodeLimit } from '@lineclear/node'
       import { limit as fetchLimit } from '@lineclear/fetch'
       import { Hono } from 'hono'
       import Koa from 'koa'
       import { type RedisClient, type RedisLimiter, redisLimiter } from '@lineclear/redis'
       export function share(client: RedisClient) {
         const limiter: RedisLimiter = redisLimiter(client, { name: 'a', limit: 5, perKey: true })
         const middleware = limit({ limiter, key: (req) => req.ip })
         // @ts-expect-error an unknown option
         redisLimiter(client, { name: 'a', limit: 5, permits: 5 })
         return middleware.limiter.stats('a').then(({ inUse }) => inUse)
       }
       const shared = new BoundedSemaphore(10, { queue: lifo(5) })
       const own = limit({ permits: 2, skip: (req) => req.path === '/health' })
       const inUse: number = own.limiter.inUse
       const same: BoundedSemaphore = limit({ limiter: shared }).limiter
       express().use(own).get('/x', koaLike, own, (_req, res) => { res.send('' + inUse + same.waiting) })
       function koaLike(_req: express.Request, _res: express.Response, next: express.NextFunction) { next() }
       const each: number = limit({ permits: 2, key: (req) => req.get('x-key'), queue: () => lifo(5), maxKeys: 10 }).limiter.keys
       nestLimit({ permits: each, key: (context) => context.switchToHttp().getRequest().ip }).limiter.get('x')?.resize(3)
       koaLimit({ permits: 1, key: undefined, weight: (ctx) => Number(ctx.get('x-weight')) })
       honoLimit({ limiter: shared, key: (c) => c.req.header('x-key'), onRejected: (r, c) => c.text(r.reason) })
       express().get('/a/:id', limit({ permits: 1 }), (req, res) => { const id: string = req.params.id; res.send(id) })
       new Koa<{ user: string }, { db: number }>().use(koaLimit({ permits: 1 })).use((ctx) => ctx.state.user + ctx.db)
       new Hono<{ Variables: { user: string } }>()
         .use(honoLimit({ permits: 1 }))
         .get('/a/:id', honoLimit({ permits: 1 }), (c) => c.json({ id: c.req.param('id').length, user: c.var.user }))
       const perRoute = nestLimit({ limiter: shared, key: (context) => context.switchToHttp().getRequest().ip })
       const forNest: BoundedSemaphore = perRoute.limiter
       export function useNest(app: INestApplication) { app.useGlobalInterceptors(nestLimit({ permits: 1 }), perRoute) }
       @Controller() @Limit({ permits: 2 })
       export class Site {
         @Get() @Limit(perRoute)
         get(@ClientSignal() signal: AbortSignal) { return forNest.inUse + String(signal.aborted) }
       }
       @Catch(LimitExceededException)
       export class Filter implements ExceptionFilter { catch(e: LimitExceededException) { console.log(e.rejection.reason) } }
       // @ts-expect-error an unknown option
       Limit({ permits: 1, queueTimout: 5 })
       const app = fastify()
       app.addHook('onRequest', fastifyLimit({ permits: 1, skip: (request) => request.is404 }))
       app.register(limitPlugin, { permits: 100, key: undefined, onRejected: (r, request, reply) => reply.send(request.url + r.reason) })
       app.get('/report', { config: { limit: { permits: 1, queue: 10 } } }, async () => app.limits.map(({ route, limiter }) => route + limiter.inUse))
       createServer(nodeLimit({ permits: 1, skip: (req) => req.url === '/health' })((req, res) => res.end(\`\${req.url}\`)))
       // @ts-expect-error neither wrapped nor called with next
       createServer(nodeLimit({ permits: 1 }))
       const guarded = fetchLimit({ permits: 1, key: undefined, skip: (request) => request.method === 'HEAD' })
       const handler: (request: Request, env: { NAME: string }) => Promise<Response> = guarded(
         async (_request: Request, env: { NAME: string }) => new Response(env.NAME + guarded.limiter.inUse),
       )
       export default { fetch: handler }
       // @ts-expect-error an unknown option
       limit({ permits: 1, queueTimout: 5 })
       // @ts-expect-error a queue belongs to one semaphore
       limit({ permits: 1, key: (req) => req.ip, queue: lifo(5) })
       // @ts-expect-error without a key
       limit({ permits: 1, maxKeys: 10 })
       // @ts-expect-error both
       limit({ permits: 1, limiter: shared })
       // @ts-expect-error neither
       limit({})
       run(shared, async () => 1).catch((error) => error instanceof RejectedError && error.reason === 'full')`,
    )
    const options = {
      compilerOptions: {
        target: 'ES2022',
        lib: ['ES2022'],
        module: 'NodeNext',
        strict: true,
        experimentalDecorators: true,
        noEmit: true,
        skipLibCheck: true,
        types: ['node'],
      },
      files: ['typed.ts'],
    }
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify(options))
    execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', project], { stdio: 'inherit' })
  })

  // It imports what only Workers have, so Node cannot.
  describe('@lineclear/durable-object', () => {
    const worker = `import { BoundedSemaphore } from '@lineclear/core'
      import { durableLimiter, LimiterObject } from '@lineclear/durable-object'
      interface Env { RENDER: DurableObjectNamespace<RenderLimiter>; PERMITS: string; PLAIN: DurableObjectNamespace }
      export class RenderLimiter extends LimiterObject {
        limiter = new BoundedSemaphore(10, { queue: 100 })
      }
      export class FromEnv extends LimiterObject<Env> {
        limiter = new BoundedSemaphore(Number(this.env.PERMITS))
        override join(...args: Parameters<LimiterObject['join']>) { void this.ctx.id.name; return super.join(...args) }
      }
      export default {
        async fetch(_request, env) {
          const limiter = durableLimiter(() => env.RENDER.getByName('render'), { timeout: 5000 })
          durableLimiter((key) => env.RENDER.get(env.RENDER.idFromName(key ?? '')))
          using permit = await limiter.acquire()
          permit.release('dropped')
          const stub = env.RENDER.getByName('render')
          await stub.resize(5)
          const { limit, inUse, waiting } = await stub.state()
          await stub.close('deploying').then(() => stub.drain())
          // @ts-expect-error an object that is not known to be a limiter
          durableLimiter(() => env.PLAIN.getByName('render'))
          // @ts-expect-error an unknown option
          durableLimiter(() => stub, { timeOut: 5 })
          return Response.json({ limit, inUse, waiting })
        },
      } satisfies ExportedHandler<Env>
      // @ts-expect-error no limiter
      export class None extends LimiterObject {}`

    it('has types for a user who has those of Workers', () => {
      const types = '@cloudflare/workers-types'
      const durable = join(root, 'packages/durable-object/node_modules', types)
      mkdirSync(join(modules, '@cloudflare'))
      symlinkSync(durable, join(modules, types))
      writeFileSync(join(project, 'worker.ts'), worker)
      const compilerOptions = {
        target: 'ES2022',
        lib: ['ES2022', 'ESNext.Disposable'],
        module: 'ES2022',
        moduleResolution: 'bundler',
        strict: true,
        noEmit: true,
        skipLibCheck: false,
        types: [types],
      }
      writeFileSync(
        join(project, 'tsconfig.worker.json'),
        JSON.stringify({ compilerOptions, files: ['worker.ts'] }),
      )
      execFileSync(join(root, 'node_modules', '.bin', 'tsc'), ['-p', join(project, 'tsconfig.worker.json')], {
        stdio: 'inherit',
      })
    })

    it('is bundled with nothing left to import but what Workers have', async () => {
      const bundle = await build({
        stdin: { contents: worker, loader: 'ts', resolveDir: project },
        bundle: true,
        format: 'esm',
        external: ['cloudflare:workers'],
        metafile: true,
        write: false,
      })
      const imports = Object.values(bundle.metafile.outputs).flatMap((output) => output.imports)
      expect(new Set(imports.map(({ path }) => path))).toEqual(new Set(['cloudflare:workers']))
    })
  })
})
