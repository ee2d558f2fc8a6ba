// OpenTelemetry's logs SDK with the batch processor; the exporter appends the records to a file as JSON, as ours and pino's
// are on disk too. Its queue drops beyond its size, so the size is that of the run.
import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SeverityNumber } from '@opentelemetry/api-logs'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { measure } from './load.mjs'

const [events, directory] = process.argv.slice(2)
const exporter = {
  export(records, done) {
    const lines = records.map(({ hrTime, eventName, severityNumber, body, attributes }) =>
      JSON.stringify({ hrTime, eventName, severityNumber, body, attributes }),
    )
    appendFile(join(directory, 'otel.log'), `${lines.join('\n')}\n`).then(
      () => done({ code: 0 }),
      (error) => done({ code: 1, error }),
    )
  },
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
}
const options = { exporter, maxQueueSize: Number(events), maxExportBatchSize: 500, scheduledDelayMillis: 100 }
const processor = makeProcessor()
const provider = new LoggerProvider({ processors: [processor] })
const logger = provider.getLogger('bench')
await measure(
  {
    emit: (data) =>
      logger.emit({
        eventName: 'sale.closed',
        severityNumber: SeverityNumber.INFO,
        body: data,
        attributes: { 'event.id': crypto.randomUUID() },
      }),
    flush: () => provider.forceFlush(),
    close: () => provider.shutdown(),
  },
  Number(events),
)

/** The constructor took (exporter, config) before it took one object. */
function makeProcessor() {
  return BatchLogRecordProcessor.length > 1 ? new BatchLogRecordProcessor(exporter, options) : new BatchLogRecordProcessor(options)
}
