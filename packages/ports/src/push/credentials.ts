import type { CallOptions } from '../call.js'
import type { Calls } from '../calls.js'
import { invalid } from '../errors.js'
import type { PushCapabilities, PushDriver } from './driver.js'
import type { PushJournal } from './journal.js'
import { checkedDevice, checkedGroup } from './names.js'
import type { IssueOptions } from './options.js'
import type { DeviceConnection } from './types.js'
import { encodeFrame } from './wire.js'

const MIN_TTL_MS = 1_000
const MAX_TTL_MS = 30 * 86_400_000
const MAX_GROUPS = 100

/** What lets devices in, and keeps them in their place. */
export class Credentials {
  constructor(
    private readonly driver: PushDriver,
    private readonly journal: PushJournal | undefined,
    private readonly calls: Calls,
    private readonly capabilities: PushCapabilities,
    private readonly ready: () => Promise<void>,
  ) {}

  /**
   * Short-lived credentials for one device, and all that it needs to connect. Registers the device and its groups: out of a
   * group means that nothing of it arrives once this has resolved [P3]; a device that is connected learns of new groups [P50].
   * @throws INVALID_ARGUMENT | UNSUPPORTED | UNAVAILABLE
   */
  async issue(device: string, options: IssueOptions & CallOptions): Promise<DeviceConnection> {
    const place = { adapter: this.calls.adapter, operation: 'issue' }
    this.calls.require(this.capabilities, 'credentials', 'issue')
    const name = checkedDevice(device, place)
    const ttlMs = options?.ttlMs
    if (!(ttlMs >= MIN_TTL_MS && ttlMs <= MAX_TTL_MS))
      throw invalid('ttlMs', ttlMs, `give milliseconds from ${MIN_TTL_MS} to ${MAX_TTL_MS}`, place)
    const wanted = options.groups?.map((group) => checkedGroup(group, place))
    if (wanted !== undefined && wanted.length > MAX_GROUPS) throw invalid('groups', wanted, `give at most ${MAX_GROUPS}`, place)
    const groups = wanted && [...new Set(wanted)]
    return this.calls.run({ operation: 'issue', target: name, options }, async (call) => {
      await this.ready()
      const enrolment = (await this.journal?.enroll(name, groups, call)) ?? { groups: groups ?? [], changed: groups !== undefined }
      const request = { ttlMs, groups: enrolment.groups, regrouped: enrolment.changed, signal: call.signal }
      const connection = await this.driver.issue(name, request)
      if (enrolment.changed) {
        const renew = encodeFrame({ kind: 'renew', sentAt: this.calls.clock.now() })
        await this.driver.send({ device: name }, renew, call)
      }
      return { ...connection, groups: enrolment.groups }
    })
  }

  /**
   * [P48] From now on the device's credentials are refused; a connected one is cut off within two seconds. New ones may be
   * issued at once.
   */
  async revoke(device: string, options?: CallOptions): Promise<void> {
    this.calls.require(this.capabilities, 'credentials', 'revoke')
    const name = checkedDevice(device, { adapter: this.calls.adapter, operation: 'revoke' })
    await this.calls.run({ operation: 'revoke', target: name, options }, (call) => this.driver.revoke(name, call))
  }
}
