import { expect, test } from '@jest/globals'
import { silentLogger, systemClock } from '@pdvend/ports'
import { Strays, type StraysDeps } from '../src/strays.js'

test('closing does not wait until a long dead-letter queue is filed', async () => {
  let filed = 0
  const message = { body: '{}', attribute: undefined, messageId: 'm', sentAt: 0, groupId: undefined, receipt: 'r' }
  const queue = { receive: async () => [message], delete: async () => {} }
  const strays = new Strays({
    ...{ queues: { find: async () => queue }, payloads: {}, clock: systemClock, log: silentLogger, prefix: 'p-' },
    dead: {
      file: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        filed++
      },
    },
  } as unknown as StraysDeps)
  strays.look(['work'])
  await new Promise((resolve) => setTimeout(resolve, 50))
  await strays.close()
  const before = filed
  expect(before).toBeGreaterThan(1)
  strays.look(['other'])
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(filed).toBe(before)
}, 5_000)
