import 'reflect-metadata'
import * as lineclear from '@lineclear/nest?nest11'
import * as common from '@nestjs/common'
import * as core from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import type { Nest } from '../nest12.ts'

// Its types differ little.
export const nest11 = { common, core, ExpressAdapter, FastifyAdapter, lineclear } as unknown as Nest
