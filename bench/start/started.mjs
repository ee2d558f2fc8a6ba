import { defineApp } from '@pdvend/container'
import { local } from '@pdvend/local'
import { printCpu } from './cpu.mjs'

const running = await defineApp({ profiles: { local }, signals: [] }).start({ PDVEND_LOCAL_DIR: process.argv[2] })
printCpu()
await running.close()
