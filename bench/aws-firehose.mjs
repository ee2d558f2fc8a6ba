// npm run bench -- aws-firehose [rounds] [events]: the same events through the adapter and through the raw SDK client with one
// event a record, on one MiniStack: what each is billed for, and the CPU of this process an event.
import { writeFileSync } from 'node:fs'
import { FirehoseClient, PutRecordBatchCommand } from '@aws-sdk/client-firehose'
import { CreateBucketCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3'
import { manifest } from '@pdvend/aws-firehose'
import { startEngine } from '@pdvend/engines'
import { encodeEnvelope, readSettings, silentLogger, systemClock } from '@pdvend/ports'

const rounds = Number(process.argv[2] ?? 5)
const count = Number(process.argv[3] ?? 20_000)
/** The adapter's own step and the stream's limits, as AWS publishes them. */
const STEP = 5_000
const RECORDS = 500

const engine = await startEngine('ministack')
const endpoint = new URL(engine.url).origin
const access = { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
const s3 = new S3Client({ ...access, forcePathStyle: true })
await s3.send(new CreateBucketCommand({ Bucket: 'bench' }))
const { settings, problems } = await readSettings(manifest.config, {
  PDVEND_TELEMETRY_STREAM: 'bench',
  PDVEND_TELEMETRY_ENDPOINT: endpoint,
  PDVEND_TELEMETRY_REGION: 'us-east-1',
  PDVEND_TELEMETRY_ACCESS_KEY: 'test',
  PDVEND_TELEMETRY_SECRET_KEY: 'test',
  PDVEND_TELEMETRY_DELIVERY_BUCKET_ARN: 'arn:aws:s3:::bench',
  PDVEND_TELEMETRY_DELIVERY_ROLE_ARN: 'arn:aws:iam::123456789012:role/bench',
})
if (problems) throw new Error(JSON.stringify(problems))
const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(60_000) }
const plan = await manifest.provision(settings, { jobs: [] }, deps)
await plan.apply()
await plan.close()
const driver = await manifest.open(settings, deps)
const raw = new FirehoseClient({ ...access, maxAttempts: 1 })

const events = Array.from({ length: count }, (_, n) => {
  const id = `bench-${n}`
  const data = { saleId: id, totalCents: n, items: Array.from({ length: 4 }, (_, sku) => ({ sku: `78900000${sku}`, cents: 100 + n })) }
  return { id, type: 'sale.closed', at: n, bytes: encodeEnvelope({ id, type: 'sale.closed', time: new Date(n), data }) }
})
const bytes = events.reduce((sum, event) => sum + event.bytes.length + 1, 0)

const variants = {
  'aws-firehose': async () => {
    for (let from = 0; from < count;) {
      let end = from
      for (let size = 0; end < count && end - from < driver.limits.maxBatchEvents; end++) {
        size += events[end].bytes.length + 1
        if (size > driver.limits.maxBatchBytes) break
      }
      const outcomes = await driver.send(events.slice(from, end), { signal: AbortSignal.timeout(60_000) })
      if (outcomes.some(({ status }) => status !== 'accepted')) throw new Error('an event was not accepted')
      from = end
    }
  },
  'raw client, one event a record': async () => {
    for (let from = 0; from < count; from += RECORDS) {
      const Records = events.slice(from, from + RECORDS).map((event) => ({ Data: Buffer.concat([event.bytes, Buffer.from('\n')]) }))
      const { FailedPutCount } = await raw.send(new PutRecordBatchCommand({ DeliveryStreamName: 'bench', Records }))
      if (FailedPutCount !== 0) throw new Error('an event was not accepted')
    }
  },
}

/** For how many bytes the run is billed: MiniStack delivers each record as an object of its own. */
async function billed(run) {
  const sizes = async () => {
    const found = new Map()
    for (let ContinuationToken; ;) {
      const page = await s3.send(new ListObjectsV2Command({ Bucket: 'bench', ContinuationToken }))
      for (const { Key, Size } of page.Contents ?? []) found.set(Key, Size)
      if (page.NextContinuationToken === undefined) return found
      ContinuationToken = page.NextContinuationToken
    }
  }
  const before = await sizes()
  await run()
  const records = [...(await sizes())].filter(([key]) => !before.has(key))
  return records.reduce((sum, [, size]) => sum + Math.ceil(size / STEP) * STEP, 0)
}

const billedBytes = {}
for (const [name, run] of Object.entries(variants)) billedBytes[name] = await billed(run)

const cpu = Object.fromEntries(Object.keys(variants).map((name) => [name, []]))
for (let round = 0; round < rounds; round++) {
  for (const [name, run] of Object.entries(variants)) {
    globalThis.gc?.()
    const before = process.cpuUsage()
    await run()
    const { user, system } = process.cpuUsage(before)
    cpu[name].push((user + system) / count)
  }
}
await driver.close()
raw.destroy()
s3.destroy()
await engine.stop()

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]
const results = {
  events: count,
  bytesAnEvent: Math.round(bytes / count),
  billed: billedBytes,
  cpuMicrosecondsAnEvent: Object.fromEntries(Object.entries(cpu).map(([name, values]) => [name, Number(median(values).toFixed(2))])),
}
const peer = 'raw client, one event a record'
console.log(`${count} events of ${results.bytesAnEvent} bytes, ${rounds} rounds, median`)
console.table(
  Object.keys(variants).map((name) => ({
    variant: name,
    'billed bytes an event': Math.round(results.billed[name] / count),
    'billed / sent': (results.billed[name] / bytes).toFixed(2),
    'CPU us an event': results.cpuMicrosecondsAnEvent[name],
    'CPU ratio': (results.cpuMicrosecondsAnEvent[name] / results.cpuMicrosecondsAnEvent[peer]).toFixed(2),
  })),
)
writeFileSync(new URL('results/aws-firehose.json', import.meta.url), `${JSON.stringify(results, undefined, 2)}\n`)
