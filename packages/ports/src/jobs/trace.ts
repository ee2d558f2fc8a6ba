import type { Histogram } from '@opentelemetry/api'
import type { Envelope } from '../envelope.js'
import { openTelemetry } from '../open-telemetry.js'
import type { DriverJob, Settlement } from './driver.js'

/** Attributes of the semantic conventions for messaging; the adapter stands for the system. */
export function messaging(adapter: string, operation: 'send' | 'process', name: string): Record<string, string> {
  return {
    'messaging.system': adapter,
    'messaging.operation.name': operation,
    'messaging.operation.type': operation,
    'messaging.destination.name': name,
  }
}

const durations = new WeakMap<object, Histogram>()

/**
 * Runs a handler in its process span: in the trace of the enqueue, linked to the enqueue span [Q88], whatever was active
 * when the worker was started. Records `messaging.process.duration` in seconds. `run` tells how the job was settled.
 */
export async function processSpan(
  adapter: string,
  job: DriverJob,
  attempt: number,
  envelope: Envelope,
  run: () => Promise<Settlement | undefined>,
): Promise<Settlement | undefined> {
  const api = openTelemetry()
  if (api === null) return run()
  const labels = messaging(adapter, 'process', job.name)
  const parent = envelope.traceparent === undefined ? api.ROOT_CONTEXT : api.propagation.extract(api.ROOT_CONTEXT, envelope)
  const enqueued = api.trace.getSpanContext(parent)
  const options = {
    kind: api.SpanKind.CONSUMER,
    attributes: {
      ...labels,
      'messaging.message.id': job.id,
      'pdvend.job.attempt': attempt,
      'pdvend.port': 'jobs',
      'pdvend.adapter': adapter,
    },
    links: enqueued === undefined ? [] : [{ context: enqueued }],
  }
  const startedAt = performance.now()
  return api.trace.getTracer('@pdvend/ports').startActiveSpan(`process ${job.name}`, options, parent, async (span) => {
    const meters = api.metrics.getMeterProvider()
    let duration = durations.get(meters)
    if (duration === undefined) {
      duration = meters
        .getMeter('@pdvend/ports')
        .createHistogram('messaging.process.duration', { unit: 's', description: 'Duration of job handlers' })
      durations.set(meters, duration)
    }
    try {
      const settlement = await run()
      const outcome = settlement?.kind ?? 'lost'
      span.setAttribute('pdvend.outcome', outcome)
      if (settlement === undefined || settlement.kind === 'retry' || settlement.kind === 'dead') {
        const type = settlement?.kind === 'dead' ? settlement.reason : outcome
        span.setAttribute('error.type', type)
        span.setStatus({ code: api.SpanStatusCode.ERROR, message: type })
      }
      duration.record((performance.now() - startedAt) / 1_000, { ...labels, 'pdvend.outcome': outcome })
      return settlement
    } finally {
      span.end()
    }
  })
}

/** Offers `pdvend.jobs.depth` (jobs by name and state) to whoever collects metrics; `read` runs at each collection. Returns how to stop. */
export function depthGauge(
  adapter: string,
  names: readonly string[],
  read: (name: string) => Promise<Readonly<Record<string, number>>>,
): () => void {
  const api = openTelemetry()
  if (api === null) return () => {}
  const gauge = api.metrics
    .getMeter('@pdvend/ports')
    .createObservableGauge('pdvend.jobs.depth', { unit: '{job}', description: 'Jobs by name and state' })
  const observe = async (result: { observe(value: number, attributes: Record<string, string>): void }): Promise<void> => {
    for (const name of names) {
      const depth = await read(name)
      for (const [state, value] of Object.entries(depth))
        result.observe(value, { 'pdvend.adapter': adapter, 'messaging.destination.name': name, 'pdvend.job.state': state })
    }
  }
  gauge.addCallback(observe)
  return () => gauge.removeCallback(observe)
}
