// An app that runs until a signal ends it. Arguments: how closing behaves (well | hangs), signals (default | none | twice:
// a second app runs in the same process, and takes its time).
import { defineApp } from '@pdvend/container'
import { defineAdapter } from '@pdvend/ports'

const [closing, signals] = process.argv.slice(2)
const say = (line) => process.stdout.write(`${line}\n`)
const limits = { maxBytes: 1, maxLeaseMs: 1e6, maxBatch: 1, maxPayloadBytes: 1, maxBatchEvents: 1, maxBatchBytes: 1, maxEventBytes: 1 }

const adapter = (port) =>
  defineAdapter({
    port,
    name: `test-${port}`,
    config: {},
    capabilities: {},
    open: async () => ({
      limits,
      ping: async () => {},
      receive: async () => {},
      watchPresence: () => () => {},
      close: () => {
        say(`close ${port}`)
        return port === 'jobs' && closing === 'hangs' ? new Promise(() => {}) : Promise.resolve()
      },
    }),
  })

const local = { telemetry: adapter('telemetry'), blob: adapter('blob'), jobs: adapter('jobs'), push: adapter('push') }
const app = defineApp({ profiles: { local }, ...(signals === 'none' ? { signals: [] } : {}) })
const running = await app.start({ PDVEND_DRAIN_MS: '2000' })
running.onClose('http', async () => say('close http'))
process.on('exit', () => say('exit'))
if (signals === 'twice') {
  const second = await app.start({ PDVEND_SPOOL_DIR: 'second' }, { only: ['push'] })
  second.onClose('slow', async () => {
    await new Promise((resolve) => setTimeout(resolve, 300))
    say('close second')
  })
}
const alive = setInterval(() => {}, 1_000)
process.on('message', async (message) => {
  if (message !== 'close') return
  await running.close()
  clearInterval(alive)
  say(`listeners ${process.listenerCount('SIGTERM') + process.listenerCount('SIGINT')}`)
  process.disconnect()
})
process.send('ready')
