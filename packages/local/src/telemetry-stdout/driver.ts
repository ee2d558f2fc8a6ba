import { type DriverEvent, errorTable, type EventOutcome, type TelemetryDriver } from '@pdvend/ports'

const fail = errorTable('stdout', {
  EPIPE: { code: 'UNAVAILABLE', detail: 'nobody reads standard output any more' },
  ERR_STREAM_DESTROYED: { code: 'UNAVAILABLE', detail: 'standard output is closed' },
})

const ACCEPTED: EventOutcome = { status: 'accepted' }

/** Where the lines go: process.stdout, or another stream in a test. */
export type LineSink = Pick<NodeJS.WritableStream, 'write'> & { readonly writable?: boolean }

/** Semantics: a batch is one write, accepted when the stream has taken it. After a crash a line may stand twice, with the same id. */
export function openStdout(sink: LineSink): TelemetryDriver {
  return {
    limits: { maxBatchEvents: 500, maxBatchBytes: 1_048_576, maxEventBytes: 1_000 * 1_024, perEventBytes: 1 },
    async ping() {
      if (sink.writable === false) throw fail('ping', Object.assign(new Error('closed'), { code: 'ERR_STREAM_DESTROYED' }))
    },
    send: (batch) =>
      new Promise((resolve, reject) => {
        sink.write(lines(batch), (cause) => (cause ? reject(fail('send', cause)) : resolve(batch.map(() => ACCEPTED))))
      }),
    // Standard output belongs to the process.
    close: () => Promise.resolve(),
  }
}

function lines(batch: readonly DriverEvent[]): Buffer {
  const newline = Buffer.from('\n')
  return Buffer.concat(batch.flatMap(({ bytes }) => [bytes, newline]))
}
