import { useEffect, useRef, useState } from 'preact/hooks'
import type { Product } from '../../src/domain/product.js'
import { useLabels } from '../shared/labels.js'
import { notify, Notices } from '../shared/notices.js'
import { PageHead } from '../shared/page-head.js'
import { useStore } from '../shared/store.js'
import { BasketPanel } from './basket-panel.js'
import { ConnectionState } from './connection-state.js'
import { PaymentDialog } from './payment-dialog.js'
import { Shelf } from './shelf.js'
import type { Till } from './till-store.js'
import { useScanner } from './use-scanner.js'
import { WeighDialog } from './weigh-dialog.js'

export function TillPage({ till }: { readonly till: Till }) {
  const labels = useLabels()
  const byEan = useStore(till.store, (state) => state.byEan)
  const sale = useStore(till.store, (state) => state.sale)
  const pending = useStore(till.store, (state) => state.pending)
  const [paying, setPaying] = useState(false)
  const [weighing, setWeighing] = useState<Product | undefined>()
  const search = useRef<HTMLInputElement>(null)

  const choose = (product: Product): void => {
    if (product.unit === 'kg') setWeighing(product)
    else till.add(product)
  }
  const scan = (code: string): void => {
    const product = byEan.get(code)
    if (product === undefined) notify('bad', labels.unknownBarcode(code))
    else choose(product)
  }
  const endSale = (): void => {
    setPaying(false)
    till.nextSale()
    search.current?.focus()
  }
  useScanner((code) => {
    // The next customer's first product ends the sale before; in any other dialog there is something to be decided first.
    if (sale.step === 'done') endSale()
    else if (document.querySelector('dialog[open]') !== null) return
    scan(code)
  }, search)
  useEffect(() => {
    document.title = `${labels.till} · PDVend`
  }, [labels])

  return (
    <>
      <PageHead page="till">
        <ConnectionState till={till} />
      </PageHead>
      <main class="till" id="content" tabIndex={-1}>
        <h1 class="sr-only">{labels.till}</h1>
        <Shelf till={till} search={search} onChoose={choose} onScan={scan} />
        <BasketPanel till={till} onPay={() => setPaying(true)} onWeigh={setWeighing} />
      </main>
      {weighing !== undefined && <WeighDialog till={till} product={weighing} onClose={() => setWeighing(undefined)} />}
      {(paying || sale.step === 'done' || sale.step === 'refused' || pending !== undefined) && (
        <PaymentDialog till={till} onClose={endSale} />
      )}
      <Notices />
    </>
  )
}
