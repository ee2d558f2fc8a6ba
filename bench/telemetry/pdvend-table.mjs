// The same, all the way into the embedded table: exactly once, fsynced a batch, ready to be queried.
import { join } from 'node:path'
import { localTelemetry } from '@pdvend/local'
import { defineEvent, silentLogger, systemClock, Telemetry } from '@pdvend/ports'
import { openSpool } from '@pdvend/spool'
import { z } from 'zod'
import { measure } from './load.mjs'

const [events, directory] = process.argv.slice(2)
const deps = { clock: systemClock, log: silentLogger, signal: AbortSignal.timeout(10_000) }
const driver = await localTelemetry.open({ directory, retentionDays: undefined }, deps)
const spool = await openSpool({ directory: join(directory, 'spool') })
const telemetry = new Telemetry(driver, { spool })
const item = z.object({ sku: z.string(), name: z.string(), cents: z.number().int(), quantity: z.number().int() })
const saleClosed = defineEvent('sale.closed', {
  data: z.object({ saleId: z.string(), till: z.string(), totalCents: z.number().int(), items: z.array(item) }),
})
await measure(
  { emit: (data) => telemetry.emit(saleClosed, data), flush: () => telemetry.flush(), close: () => telemetry.close() },
  Number(events),
)
