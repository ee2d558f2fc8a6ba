// Appends to shared streams as an instance of its own and prints each entry that is kept, one line each: id, stream, sequence, previous.
import { openPostgresJournal } from '@pdvend/push-journal'

const { url, settings, name, count, streams, atOnce } = JSON.parse(process.argv[2])
const journal = await openPostgresJournal(url, settings)
const call = { signal: new AbortController().signal }
let next = 0

async function lane() {
  for (let n = next++; n < count; n = next++) {
    const entry = {
      id: `${name}-${n}`,
      stream: streams[(n * 7 + (n >> 3)) % streams.length],
      name: 'note',
      retain: false,
      expiresAt: 4e12,
      bytes: Buffer.alloc(40),
    }
    const { sequence, previous } = await journal.append(entry, Date.now(), call)
    process.stdout.write(`${entry.id} ${entry.stream} ${sequence} ${previous}\n`)
  }
}

await Promise.all(Array.from({ length: atOnce }, lane))
await journal.close()
