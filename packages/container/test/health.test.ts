import { expect, test } from '@jest/globals'
import { BlobStorage, PortError } from '@pdvend/ports'
import { defineApp } from '../src/index.js'
import { useOwnDirectory } from './own-directory.js'
import { testProfile } from './test-adapters.js'

useOwnDirectory()

const secretKey = 'kN4r13nv0gel'

test('health tells up, down and degraded by port, with the last error and no secret', async () => {
  let blobError: Error | undefined
  const behaviours = {
    blob: { ping: async () => (blobError === undefined ? undefined : Promise.reject(blobError)) },
    jobs: { ping: () => new Promise<void>((resolve) => setTimeout(resolve, 30)) },
  }
  await using running = await defineApp({ profiles: { local: testProfile([], behaviours) }, signals: [] }).start({
    PDVEND_BLOB_SECRET_KEY: secretKey,
  })
  const well = await running.health()
  expect(well.status).toBe('up')
  expect(well.ports.blob).toMatchObject({ status: 'up', adapter: 'test-blob', latencyMs: expect.any(Number) })

  expect((await running.health({ slowMs: 20 })).ports.jobs.status).toBe('degraded')

  blobError = new PortError('UNAVAILABLE', { adapter: 'test-blob', detail: `no route for ${secretKey}` })
  const ill = await running.health()
  expect(ill.status).toBe('down')
  expect(ill.ports.blob).toMatchObject({ status: 'down', lastError: { code: 'UNAVAILABLE', at: expect.any(Date) } })
  expect(ill.ports.blob.lastError!.message).toBe('test-blob: UNAVAILABLE: no route for [secret]')

  blobError = undefined
  const better = await running.health()
  expect(better.ports.blob).toMatchObject({ status: 'degraded', lastError: { code: 'UNAVAILABLE' } })
})

test('an engine that does not answer is down within the time given', async () => {
  const behaviours = { push: { ping: () => new Promise<void>(() => {}) } }
  await using running = await defineApp({ profiles: { local: testProfile([], behaviours) }, signals: [] }).start({})
  const { push } = (await running.health({ timeoutMs: 20 })).ports
  expect(push).toMatchObject({ status: 'down', lastError: { code: 'DEADLINE_EXCEEDED' } })
})

test('a call that fails for the engine’s sake degrades its port; a caller’s mistake does not', async () => {
  await using running = await defineApp({ profiles: { local: testProfile() }, signals: [] }).start({})
  const blobs = running.container.get(BlobStorage)
  await expect(blobs.head('')).rejects.toThrow('INVALID_ARGUMENT')
  expect((await running.health()).ports.blob.status).toBe('up')
  // The test driver has no such method: what it throws is a fault behind the port.
  await expect(blobs.head('notas/17.xml')).rejects.toThrow('INTERNAL')
  expect((await running.health()).ports.blob).toMatchObject({ status: 'degraded', lastError: { code: 'INTERNAL' } })
})
