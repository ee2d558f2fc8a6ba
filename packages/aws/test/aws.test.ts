import { expect, test } from '@jest/globals'
import { portNames } from '@pdvend/ports'
import { aws } from '../src/index.js'

test('each port has its adapter, and each adapter can say which rights it needs', () => {
  for (const port of portNames) expect(aws[port].port).toBe(port)
  expect(portNames.map((port) => aws[port].name)).toEqual(['aws-firehose', 'aws-s3', 'aws-sqs', 'aws-iot'])
  expect(portNames.filter((port) => typeof aws[port].permissions !== 'function')).toEqual([])
})

test('no two adapters mean different things by one variable', () => {
  const docs = new Map<string, string>()
  for (const port of portNames)
    for (const { env, doc } of Object.values(aws[port].config)) {
      expect({ env, doc: docs.get(env) ?? doc }).toEqual({ env, doc })
      docs.set(env, doc)
    }
})
