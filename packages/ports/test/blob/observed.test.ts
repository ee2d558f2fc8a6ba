import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { BlobStorage } from '../../src/index.js'
import { memoryDriver } from './memory-driver.js'

const exporter = new InMemorySpanExporter()

beforeAll(() => {
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }))
})
beforeEach(() => exporter.reset())
afterAll(() => {
  trace.disable()
  context.disable()
})

describe('spans of blob storage', () => {
  test('B112 every operation emits one span with adapter, operation, size and outcome', async () => {
    const blobs = new BlobStorage(memoryDriver(), { adapter: 'memory' })
    await blobs.put('k', 'four')
    await (await blobs.get('k')).text()
    await blobs.head('k')
    await blobs.exists('k')
    await blobs.copy('k', 'k2')
    for await (const _entry of blobs.list()) continue
    await blobs.delete('k')
    for await (const _outcome of blobs.deleteMany(['k2'])) continue
    await blobs.get('k').catch(() => undefined)
    const spans = exporter.getFinishedSpans()
    expect(spans.map(({ name }) => name)).toEqual(
      ['put', 'get', 'head', 'exists', 'copy', 'list', 'delete', 'deleteMany', 'get'].map((operation) => `blob.${operation}`),
    )
    for (const span of spans) expect(span.attributes['pdvend.adapter']).toBe('memory')
    expect(spans[0]!.attributes['pdvend.blob.size']).toBe(4)
    expect(spans.slice(0, -1).every(({ attributes }) => attributes['pdvend.outcome'] === 'ok')).toBe(true)
    expect(spans.at(-1)!.attributes).toMatchObject({ 'pdvend.outcome': 'error', 'error.type': 'NOT_FOUND', 'pdvend.target': 'k' })
  })
})
