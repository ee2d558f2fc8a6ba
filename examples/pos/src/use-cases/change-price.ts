import { injectable } from 'inversify'
import { PushNotifications, Telemetry } from '@pdvend/ports'
import { priceUpdated } from '../contracts/events.js'
import { priceChanged } from '../contracts/messages.js'
import type { Cents } from '../domain/money.js'
import type { Product } from '../domain/product.js'
import { Catalogue } from './catalogue.js'

/** A new price: stored first, then told to every till. */
@injectable()
export class ChangePrice {
  constructor(
    private readonly catalogue: Catalogue,
    private readonly push: PushNotifications,
    private readonly telemetry: Telemetry,
  ) {}

  /** The changed product; undefined when there is none with that code. */
  async run(ean: string, cents: Cents): Promise<Product | undefined> {
    const changed = await this.catalogue.change(ean, (product) => ({ ...product, cents }))
    if (changed === undefined) return undefined
    const { before, after } = changed
    const body = { ean, name: after.name, cents, revision: after.revision }
    // A till that was away needs only the last price of each product, hence the replace key.
    await this.push.publish({ all: true }, priceChanged, body, { replaceKey: `price-${ean}` })
    this.telemetry.emit(priceUpdated, { ean, beforeCents: before.cents, cents }, { key: ean })
    return after
  }
}
