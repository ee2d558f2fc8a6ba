import { expect, test } from '@jest/globals'
import { portNames } from '@pdvend/ports'
import { onprem } from '../src/index.js'

test('each port has its adapter, and each adapter can plan what its engine lacks or wants nothing made', () => {
  for (const port of portNames) expect(onprem[port].port).toBe(port)
  expect(portNames.map((port) => onprem[port].name)).toEqual(['oss-kafka-telemetry', 'oss-minio', 'oss-kafka', 'oss-emq'])
  expect([onprem.blob, onprem.jobs, onprem.telemetry].every(({ provision }) => typeof provision === 'function')).toBe(true)
})

test('no two adapters mean different things by one variable', () => {
  const docs = new Map<string, string>()
  for (const port of portNames)
    for (const { env, doc } of Object.values(onprem[port].config)) {
      expect({ env, doc: docs.get(env) ?? doc }).toEqual({ env, doc })
      docs.set(env, doc)
    }
})
