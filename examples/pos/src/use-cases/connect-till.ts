import { injectable } from 'inversify'
import { PushNotifications, Telemetry, type DeviceConnection } from '@pdvend/ports'
import { receiptSeen } from '../contracts/events.js'

/** Short, so that a stolen tablet is soon out; the till fetches the next one by itself before this one ends. */
const CONNECTION_MS = 15 * 60_000

/** Lets a till receive its pushes, and takes what tills send. */
@injectable()
export class ConnectTill {
  constructor(
    private readonly push: PushNotifications,
    private readonly telemetry: Telemetry,
  ) {}

  connection(till: string): Promise<DeviceConnection> {
    return this.push.credentials.issue(till, { ttlMs: CONNECTION_MS, groups: ['tills'] })
  }

  /** The till is told that its message was taken once the event is on disk. */
  async receiptShown(till: string, saleId: string): Promise<void> {
    await this.telemetry.emitAndWait(receiptSeen, { saleId, till }, 'spooled', { id: `seen-${saleId}`, key: till })
  }
}
