import 'reflect-metadata'
import * as lineclear from '@lineclear/nest'
import * as common from '@nestjs/common'
import * as core from '@nestjs/core'
import { ExpressAdapter } from '@nestjs/platform-express'
import { FastifyAdapter } from '@nestjs/platform-fastify'

/** A major of Nest, and our adapter on it. */
export type Nest = typeof nest12

export const nest12 = { common, core, ExpressAdapter, FastifyAdapter, lineclear }
