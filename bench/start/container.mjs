import '@pdvend/container'
import { printCpu } from './cpu.mjs'

printCpu()
