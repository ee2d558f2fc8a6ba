// An adapter's whole test file, run by node:test.
import { after, before, describe, test } from 'node:test'
import { describeContract } from '@pdvend/contract'
import { manifest } from './adapter.mjs'

describeContract(manifest, {
  engine: { name: 'in memory', env: {}, clock: 'fake' },
  runner: { describe, test, beforeAll: before, afterAll: after },
})
