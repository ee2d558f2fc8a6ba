// pino with its worker transport to a file.
import { join } from 'node:path'
import { pino } from 'pino'
import { measure } from './load.mjs'

const [events, directory] = process.argv.slice(2)
const transport = pino.transport({ target: 'pino/file', options: { destination: join(directory, 'pino.log'), mkdir: true } })
const log = pino({ base: { type: 'sale.closed' } }, transport)
await measure(
  {
    emit: (data) => log.info(data),
    flush: () => new Promise((resolve, reject) => log.flush((error) => (error ? reject(error) : resolve()))),
    close: () => new Promise((resolve) => (transport.once('close', resolve), transport.end())),
  },
  Number(events),
)
