// node worker.mjs <peer> <brokers> <queue> <takesMs>: tells `ready`, and `job <n>` as each job starts.
import { setTimeout as sleep } from 'node:timers/promises'
import { peers } from './peers.mjs'

const [name, brokers, queueName, takesMs] = process.argv.slice(2)
const peer = await peers[name](brokers)
const queue = await peer.queue(queueName, 2)
console.log('joining')
await queue.work(async ({ n }) => {
  console.log(`job ${n}`)
  await sleep(Number(takesMs))
}, 1)
console.log('ready')
setInterval(() => {}, 1_000)
