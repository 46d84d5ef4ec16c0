import express from 'express'
import type { NodeTarget } from '../hosts/node.ts'
import { expressApp } from './express.ts'

export default ((stage, make) => make(expressApp(express, stage))) satisfies NodeTarget
