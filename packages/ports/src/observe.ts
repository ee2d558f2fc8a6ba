import type { Attributes, Counter, Histogram, SpanKind } from '@opentelemetry/api'
import { PortError } from './errors.js'
import { openTelemetry } from './open-telemetry.js'

type Api = typeof import('@opentelemetry/api')

const instruments = new WeakMap<object, { duration: Histogram; failures: Counter }>()

/** What a span is about. */
export interface Observed {
  readonly operation: string
  readonly target?: string
  readonly attributes?: Readonly<Record<string, string | number>>
  /** Default `<port>.<operation>`. */
  readonly spanName?: string
  /** Default `client`. */
  readonly kind?: 'client' | 'producer' | 'consumer' | 'internal'
}

const KINDS = { internal: 0, client: 2, producer: 3, consumer: 4 } as const satisfies Record<string, SpanKind>

/**
 * Runs `run` in one span `<port>.<operation>` with adapter, operation, target, outcome [B112], and records
 * `pdvend.port.duration` (seconds) and `pdvend.port.failures`. Without OpenTelemetry it costs one check.
 */
export async function observe<T>(port: string, adapter: string, observed: Observed, run: () => Promise<T>): Promise<T> {
  const api = openTelemetry()
  if (api === null) return run()
  const labels: Attributes = { 'pdvend.port': port, 'pdvend.adapter': adapter, 'pdvend.operation': observed.operation }
  const startedAt = performance.now()
  const options = { kind: KINDS[observed.kind ?? 'client'], attributes: { ...labels, ...observed.attributes } }
  return api.trace
    .getTracer('@pdvend/ports')
    .startActiveSpan(observed.spanName ?? `${port}.${observed.operation}`, options, async (span) => {
      if (observed.target !== undefined) span.setAttribute('pdvend.target', observed.target)
      const { duration, failures } = instrumentsOf(api)
      try {
        const result = await run()
        span.setAttribute('pdvend.outcome', 'ok')
        return result
      } catch (error) {
        const code = PortError.is(error) ? error.code : 'INTERNAL'
        span.setAttributes({ 'pdvend.outcome': 'error', 'error.type': code })
        span.setStatus({ code: api.SpanStatusCode.ERROR, message: code })
        failures.add(1, { ...labels, 'error.type': code })
        throw error
      } finally {
        duration.record((performance.now() - startedAt) / 1_000, labels)
        span.end()
      }
    })
}

function instrumentsOf(api: Api): { duration: Histogram; failures: Counter } {
  const provider = api.metrics.getMeterProvider()
  let found = instruments.get(provider)
  if (found === undefined) {
    const meter = provider.getMeter('@pdvend/ports')
    found = {
      duration: meter.createHistogram('pdvend.port.duration', { unit: 's', description: 'Duration of port calls, retries included' }),
      failures: meter.createCounter('pdvend.port.failures', { description: 'Port calls that failed, by code' }),
    }
    instruments.set(provider, found)
  }
  return found
}

/** The current trace context as W3C text, for an envelope. */
export function traceContext(): { readonly traceparent?: string; readonly tracestate?: string } {
  const api = openTelemetry()
  const carrier: Record<string, string> = {}
  api?.propagation.inject(api.context.active(), carrier)
  const { traceparent, tracestate } = carrier
  return { ...(traceparent ? { traceparent } : {}), ...(tracestate ? { tracestate } : {}) }
}

/** Runs `run` as a child of the trace that an envelope carries. */
export function inTrace<T>(carrier: { readonly traceparent?: string; readonly tracestate?: string }, run: () => T): T {
  const api = openTelemetry()
  if (api === null || carrier.traceparent === undefined) return run()
  return api.context.with(api.propagation.extract(api.context.active(), carrier), run)
}
