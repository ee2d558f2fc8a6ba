// One client, one workload, in a process of its own: CPU, wall time, bytes on the wire, growth of the memory.
import { Socket } from 'node:net'
import { clients } from './clients.mjs'

const { client: name, work, sizeBytes, width, calls, env } = JSON.parse(process.argv[2])

const sockets = new Set()
const connect = Socket.prototype.connect
Socket.prototype.connect = function (...args) {
  sockets.add(this)
  return connect.apply(this, args)
}
const wire = () => [...sockets].reduce((sum, socket) => sum + socket.bytesRead + socket.bytesWritten, 0)

const client = await clients[name](env)
const body = new Uint8Array(Math.min(sizeBytes, 16 * 1_048_576)).fill(7)
const chunk = Buffer.alloc(65_536, 7)
const source = async function* (bytes) {
  for (let sent = 0; sent < bytes; sent += chunk.byteLength) yield chunk
}
const works = {
  put: (call) => client.put(`bench/${call % 64}-${sizeBytes}`, body),
  get: async (call) => {
    const bytes = await client.get(`bench/${call % 64}-${sizeBytes}`)
    if (bytes !== sizeBytes) throw new Error(`${bytes} bytes`)
  },
  upload: () => client.upload('bench/stream', source(sizeBytes)),
  download: async () => {
    const bytes = await client.download('bench/stream')
    if (bytes !== sizeBytes) throw new Error(`${bytes} bytes`)
  },
}
const run = async (count) => {
  let next = 0
  const lane = async () => {
    while (next < count) await works[work](next++)
  }
  await Promise.all(Array.from({ length: width }, lane))
}
const streams = work === 'upload' || work === 'download'
if (streams) {
  // Modules and connections, not memory: that is what is measured.
  await client.put('bench/warm-up', chunk)
  await client.get('bench/warm-up')
} else {
  if (work === 'get') for (let key = 0; key < Math.min(64, calls); key++) await works.put(key)
  await run(Math.max(width * 2, Math.floor(calls / 4)))
}
globalThis.gc?.()
const rss = process.memoryUsage().rss
let peak = rss
const sampler = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20)
const sent = wire()
const cpu = process.cpuUsage()
const start = performance.now()
await run(calls)
const wallMs = performance.now() - start
const { user, system } = process.cpuUsage(cpu)
clearInterval(sampler)
console.log(
  JSON.stringify({
    cpuUs: (user + system) / calls,
    wallUs: (wallMs * 1_000) / calls,
    wireBytes: (wire() - sent) / calls,
    rssMiB: (peak - rss) / 1_048_576,
  }),
)
await client.close()
process.exit(0)
