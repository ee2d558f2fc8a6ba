import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { BlobStorage, JobQueue, PushNotifications, Telemetry } from '@pdvend/ports'
import { Container, inject, injectable } from 'inversify'
import { defineApp, type Running } from '../src/index.js'
import { useOwnDirectory } from './own-directory.js'
import { testProfile } from './test-adapters.js'

useOwnDirectory()

@injectable()
class ByMetadata {
  constructor(
    readonly blobs: BlobStorage,
    readonly queue: JobQueue,
  ) {}
}

@injectable()
class ByInject {
  constructor(
    @inject(PushNotifications) readonly push: PushNotifications,
    @inject(ByMetadata) readonly other: ByMetadata,
  ) {}
}

class Plain {
  constructor(
    readonly telemetry: Telemetry,
    readonly blobs: BlobStorage,
  ) {}
}

const app = defineApp({ profiles: { local: testProfile() }, signals: [] })
let running: Running
beforeEach(async () => {
  running = await app.start({})
})
afterEach(() => running.close())

test('the container holds each port under its class, typed', () => {
  const { container } = running
  const blobs: BlobStorage = container.get(BlobStorage)
  const queue: JobQueue = container.get(JobQueue)
  const push: PushNotifications = container.get(PushNotifications)
  const telemetry: Telemetry = container.get(Telemetry)
  // @ts-expect-error the class decides the type
  const wrong: JobQueue = container.get(BlobStorage)
  expect(wrong).toBe(blobs)
  expect(blobs).toBeInstanceOf(BlobStorage)
  expect(queue).toBeInstanceOf(JobQueue)
  expect(push).toBeInstanceOf(PushNotifications)
  expect(telemetry).toBeInstanceOf(Telemetry)
  expect(container.get(BlobStorage)).toBe(blobs)
})

test('an injectable class takes ports in its constructor, by type alone or by name', () => {
  const { container } = running
  container.bind(ByMetadata).toSelf().inSingletonScope()
  container.bind(ByInject).toSelf()
  const { push, other } = container.get(ByInject)
  expect(push).toBe(container.get(PushNotifications))
  expect(other).toBe(container.get(ByMetadata))
  expect(other.blobs).toBe(container.get(BlobStorage))
  expect(other.queue).toBe(container.get(JobQueue))
})

test('a class without decorators is bound by a typed function', () => {
  const { container } = running
  container.bind(Plain).toResolvedValue((telemetry, blobs) => new Plain(telemetry, blobs), [Telemetry, BlobStorage])
  expect(container.get(Plain).blobs).toBe(container.get(BlobStorage))
})

test('a child container of the app sees the ports', () => {
  const child = new Container({ parent: running.container })
  child.bind(ByMetadata).toSelf()
  expect(child.get(ByMetadata).blobs).toBe(running.container.get(BlobStorage))
})
