import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { context, metrics, propagation, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { W3CTraceContextPropagator } from '@opentelemetry/core'
import { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { Calls, decodeEnvelope, encodeEnvelope, inTrace, PortError } from '../src/index.js'

const spans = new InMemorySpanExporter()
const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const meters = new MeterProvider({
  readers: [
    new PeriodicExportingMetricReader({
      exporter: measured,
      exportIntervalMillis: 3_600_000,
    }),
  ],
})

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  propagation.setGlobalPropagator(new W3CTraceContextPropagator())
  trace.setGlobalTracerProvider(
    new BasicTracerProvider({
      spanProcessors: [new SimpleSpanProcessor(spans)],
    }),
  )
  metrics.setGlobalMeterProvider(meters)
})
beforeEach(() => spans.reset())
afterAll(async () => {
  await meters.shutdown()
  trace.disable()
  metrics.disable()
  context.disable()
  propagation.disable()
})

describe('B112 every operation emits one span', () => {
  test('with adapter, operation, target and outcome', async () => {
    await new Calls('blob', { adapter: 'local-blob' }).run(
      { operation: 'put', target: 'a.txt', attributes: { 'pdvend.size': 3 } },
      async () => 1,
    )
    const [span, ...others] = spans.getFinishedSpans()
    expect(others).toEqual([])
    expect(span?.name).toBe('blob.put')
    expect(span?.attributes).toEqual({
      'pdvend.port': 'blob',
      'pdvend.adapter': 'local-blob',
      'pdvend.operation': 'put',
      'pdvend.target': 'a.txt',
      'pdvend.size': 3,
      'pdvend.outcome': 'ok',
    })
  })

  test('one span over all tries, with the code of the failure', async () => {
    const calls = new Calls('blob', {
      retry: { maxAttempts: 3, firstMs: 1, maxMs: 1 },
    })
    await calls.run({ operation: 'get' }, () => Promise.reject(new PortError('UNAVAILABLE'))).catch(() => {})
    const [span, ...others] = spans.getFinishedSpans()
    expect(others).toEqual([])
    expect(span?.status).toEqual({
      code: SpanStatusCode.ERROR,
      message: 'UNAVAILABLE',
    })
    expect(span?.attributes['error.type']).toBe('UNAVAILABLE')
  })

  test('and records its duration and failures', async () => {
    await new Calls('jobs', { adapter: 'metered' })
      .run({ operation: 'stats' }, () => Promise.reject(new PortError('NOT_FOUND')))
      .catch(() => {})
    await meters.forceFlush()
    const found = measured.getMetrics().flatMap(({ scopeMetrics }) => scopeMetrics.flatMap((scope) => scope.metrics))
    expect(found.map(({ descriptor }) => descriptor.name)).toEqual(expect.arrayContaining(['pdvend.port.duration', 'pdvend.port.failures']))
  })
})

test('the trace context travels in the envelope and is picked up on the other side', async () => {
  const tracer = trace.getTracer('test')
  const envelope = tracer.startActiveSpan('sale', (sale) => {
    const bytes = encodeEnvelope({ type: 'a.b', data: 1 })
    sale.end()
    return decodeEnvelope(bytes)
  })
  inTrace(envelope, () => tracer.startSpan('receipt').end())
  const [sale, receipt] = spans.getFinishedSpans()
  expect(receipt?.spanContext().traceId).toBe(sale?.spanContext().traceId)
  expect(receipt?.parentSpanContext?.spanId).toBe(sale?.spanContext().spanId)
})
