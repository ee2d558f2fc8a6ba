// Starts an app whose jobs are refused a few times; nothing else keeps the process alive. Argument: how often.
import { defineApp } from '@pdvend/container'
import { defineAdapter, PortError } from '@pdvend/ports'

let refusals = Number(process.argv[2])
const say = (line) => process.stdout.write(`${line}\n`)

const jobs = defineAdapter({
  port: 'jobs',
  name: 'test-jobs',
  config: {},
  capabilities: {},
  open: async () => {
    say('open')
    if (refusals-- > 0) throw new PortError('UNAVAILABLE', { retryAfterMs: 700 })
    return { limits: { maxPayloadBytes: 1, maxBatch: 1, maxLeaseMs: 1e6 }, ping: async () => {}, close: async () => say('close') }
  },
})
const other = (port) => defineAdapter({ port, name: `test-${port}`, config: {}, capabilities: {}, open: async () => ({}) })
const local = { telemetry: other('telemetry'), blob: other('blob'), jobs, push: other('push') }
const running = await defineApp({ profiles: { local } }).start({}, { only: ['jobs'] })
await running.close()
