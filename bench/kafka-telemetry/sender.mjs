// Sends events in batches by one variant, and prints what an event cost.
import { subscribe } from 'node:diagnostics_channel'
import { encodeEnvelope, newId, readSettings, silentLogger, systemClock } from '@pdvend/ports'

const [variant, brokers, count, partitions] = process.argv.slice(2)
const events = Number(count)
const BATCH = 500
const WARM_UP = 10

const sockets = []
subscribe('net.client.socket', ({ socket }) => sockets.push(socket))
const written = () => sockets.reduce((sum, socket) => sum + socket.bytesWritten, 0)

const [side, client] = variant.split('-')
const send = side === 'raw' ? await (client === 'kafkajs' ? rawKafkajs() : rawPlatformatic()) : await pdvend()

const batches = Array.from({ length: events / BATCH }, (_, batch) =>
  Array.from({ length: BATCH }, (_, index) => eventOf(batch * BATCH + index)),
)
for (let n = 0; n < WARM_UP; n++) await send(batches[n % batches.length])
const [cpu, bytes, startedAt] = [process.cpuUsage(), written(), performance.now()]
for (const batch of batches) await send(batch)
const { user, system } = process.cpuUsage(cpu)
console.log(
  JSON.stringify({
    cpuUs: (user + system) / events,
    wallUs: ((performance.now() - startedAt) * 1_000) / events,
    wireBytes: (written() - bytes) / events,
  }),
)
process.exit(0)

function eventOf(n) {
  const id = newId()
  const data = {
    saleId: `sale-${n}`,
    totalCents: (n * 37) % 100_000,
    items: [{ sku: `sku-${n % 500}`, quantity: (n % 5) + 1 }],
    store: 'Centro',
  }
  const type = 'sale.closed'
  const key = `till-${n % 20}`
  return { id, type, at: Date.now(), key, bytes: encodeEnvelope({ id, type, subject: key, data }) }
}

function headersOf({ id, type }) {
  return { 'content-type': 'application/cloudevents+json', ce_id: id, ce_type: type }
}

async function pdvend() {
  const { manifest } = await import('@pdvend/oss-kafka/telemetry')
  const { settings } = await readSettings(manifest.config, {
    PDVEND_TELEMETRY_BROKERS: brokers,
    PDVEND_TELEMETRY_CLIENT: client,
    PDVEND_TELEMETRY_TOPIC: variant,
    PDVEND_TELEMETRY_PARTITIONS: partitions,
  })
  const driver = await manifest.open(settings, { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(30_000) })
  return async (batch) => {
    const outcomes = await driver.send(batch, { signal: AbortSignal.timeout(30_000) })
    if (outcomes.some(({ status }) => status !== 'accepted')) throw new Error('not accepted')
  }
}

async function rawKafkajs() {
  const { default: kafkajs } = await import('kafkajs')
  const kafka = new kafkajs.Kafka({ clientId: 'pdvend', brokers: [brokers], logLevel: kafkajs.logLevel.NOTHING })
  const producer = kafka.producer({ idempotent: true, createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  return (batch) =>
    producer.send({
      topic: variant,
      acks: -1,
      compression: kafkajs.CompressionTypes.GZIP,
      messages: batch.map((event) => ({ key: event.key, value: Buffer.from(event.bytes), headers: headersOf(event) })),
    })
}

async function rawPlatformatic() {
  const { Producer, stringSerializer } = await import('@platformatic/kafka')
  const producer = new Producer({
    clientId: 'pdvend',
    bootstrapBrokers: [brokers],
    idempotent: true,
    compression: 'gzip',
    serializers: { key: stringSerializer, headerKey: stringSerializer, headerValue: stringSerializer, value: (value) => value },
  })
  return (batch) =>
    producer.send({
      messages: batch.map((event) => ({ topic: variant, key: event.key, value: Buffer.from(event.bytes), headers: headersOf(event) })),
    })
}
