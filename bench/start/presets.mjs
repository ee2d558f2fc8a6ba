import '@pdvend/container'
import '@pdvend/local'
import { printCpu } from './cpu.mjs'

printCpu()
