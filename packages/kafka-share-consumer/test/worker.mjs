// A member in a process of its own, to be killed: takes what it is told to and holds it. Prints `{"held":[offsets]}` once it has.
import { ShareConsumer } from '../dist/index.js'

const { count, ...options } = JSON.parse(process.argv[2])
const consumer = await ShareConsumer.open(options)
const held = []
while (held.length < count) held.push(...(await consumer.poll({ maxRecords: count - held.length, waitMs: 200 })))
process.stdout.write(`${JSON.stringify({ held: held.map(({ value }) => Number(value.toString())) })}\n`)
setInterval(() => undefined, 1_000)
