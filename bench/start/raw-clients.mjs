import 'aedes'
import 'inversify'
import 'libsql'
import 'mqtt'
import 'reflect-metadata'
import 'ws'
import 'zod'
import { printCpu } from './cpu.mjs'

printCpu()
