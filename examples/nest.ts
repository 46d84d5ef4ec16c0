import 'reflect-metadata'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Limit, limit } from '@lineclear/nest'
import { Controller, Get, Module } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'

// One report at a time. Who finds ten waiting is refused at once.
const reports = limit({ permits: 1, queue: 10, queueTimeout: 10_000, retryAfter: 5 })

@Controller()
class SiteController {
  @Get('report')
  @Limit(reports)
  async report(): Promise<string> {
    await sleep(300)
    return 'a report\n'
  }

  @Get()
  cheap(): string {
    return 'cheap\n'
  }

  @Get('health')
  health(): object {
    const { inUse, waiting } = reports.limiter
    return { reports: inUse, waiting }
  }
}

@Module({ controllers: [SiteController] })
class SiteModule {}

const app = await NestFactory.create(SiteModule, { logger: ['error', 'warn'] })

// A ceiling for every route, but for the health check.
app.useGlobalInterceptors(limit({ permits: 100, skip: (context) => context.getHandler().name === 'health' }))

const server: Server = await app.listen(Number(process.env.PORT ?? 3000), 'localhost')
console.log(`listening on http://localhost:${(server.address() as AddressInfo).port}`)
