import { PushNotifications } from '@pdvend/ports'
import type { ContractSuite } from '../case.js'
import { addressing } from './addressing.js'
import { clients } from './clients.js'
import { delivery } from './delivery.js'
import { faults } from './faults.js'
import { note } from './kit.js'
import { mutants } from './mutants.js'
import { offline } from './offline.js'
import { payload } from './payload.js'
import { presence } from './presence.js'
import { receipts } from './receipts.js'
import { retained } from './retained.js'
import { security } from './security.js'

/** The contract of push. Devices are real ones of `@pdvend/device` on real sockets. */
export const pushSuite: ContractSuite<'push', PushNotifications> = {
  port: 'push',
  cases: [...addressing, ...payload, ...delivery, ...offline, ...retained, ...presence, ...receipts, ...security, ...faults, ...clients],
  mutants,
  face: (driver, { adapter, capabilities, clock, random, extra }) =>
    new PushNotifications(driver, { adapter, capabilities, clock, random, ...extra }),
  close: (push) => push.close(),
  refusals: {
    journal: (push) => push.receipts('some-id'),
    presence: (push) => push.presence.get('till-1'),
    request: (push) => push.request('till-1', 'ask', {}, { timeoutMs: 1_000 }),
    receipts: (push) => push.publish({ device: 'till-1' }, note, { n: 1 }, { waitFor: 'handled' }),
    credentials: (push) => push.credentials.issue('till-1', { ttlMs: 60_000 }),
  },
}
