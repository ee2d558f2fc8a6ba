import { printCpu } from './cpu.mjs'

printCpu()
