import PDFDocument from 'pdfkit'
import { formatCents } from '../domain/money.js'
import { formatDate, formatQuantity } from '../domain/receipt.js'
import type { PaymentMethod } from '../domain/payment.js'
import type { Sale } from '../domain/sale.js'
import type { ReceiptPrinter, ReceiptTexts } from '../use-cases/receipt-printer.js'

/** Paper of 80 mm, in points. */
const WIDTH = 226.77
const MARGIN = 14
const INNER = WIDTH - 2 * MARGIN

const LINE = { name: 11, detail: 10, gap: 4 }

const methodNames: Record<PaymentMethod, string> = { cash: 'Dinheiro', card: 'Cartão', pix: 'Pix' }

/** Receipts as PDF on a roll of 80 mm, as high as the sale is long. */
export class PdfPrinter implements ReceiptPrinter {
  async print(sale: Sale, texts: ReceiptTexts): Promise<Uint8Array> {
    const footerLines = texts.footer.split('\n').length
    const height = 190 + sale.lines.length * (LINE.name * 2 + LINE.detail + LINE.gap) + footerLines * 24
    const created = new Date(sale.at)
    const pdf = new PDFDocument({
      size: [WIDTH, height],
      margins: { top: MARGIN, bottom: 0, left: MARGIN, right: MARGIN },
      info: { Title: `Recibo ${sale.saleId}`, Author: texts.storeName, CreationDate: created, ModDate: created },
      lang: 'pt-BR',
    })
    const chunks: Uint8Array[] = []
    pdf.on('data', (chunk: Uint8Array) => chunks.push(chunk))
    const ended = new Promise<void>((resolve, reject) => pdf.on('end', resolve).on('error', reject))

    pdf.font('Helvetica-Bold').fontSize(13).text(texts.storeName, { align: 'center' })
    pdf.font('Helvetica').fontSize(8).text('RECIBO - sem valor fiscal', { align: 'center' }).moveDown(0.5)
    pdf.text(formatDate(sale.at), { align: 'center' }).text(`Caixa ${sale.till}`, { align: 'center' })
    rule(pdf)
    for (const line of sale.lines) {
      pdf.font('Helvetica').fontSize(9).text(line.name)
      pair(pdf, `${formatQuantity(line.quantity, line.unit)} x ${formatCents(line.cents)}`, formatCents(line.totalCents), 8)
      pdf.moveDown(0.3)
    }
    rule(pdf)
    pdf.font('Helvetica-Bold')
    pair(pdf, 'TOTAL', formatCents(sale.totalCents), 12)
    pdf.font('Helvetica')
    const received = sale.payment.method === 'cash' ? sale.payment.receivedCents : sale.totalCents
    pair(pdf, methodNames[sale.payment.method], formatCents(received), 9)
    if (sale.changeCents > 0) pair(pdf, 'Troco', formatCents(sale.changeCents), 9)
    rule(pdf)
    pdf.fontSize(8).text(texts.footer, { align: 'center' }).moveDown(0.5)
    pdf.fontSize(7).fillColor('#555555').text(sale.saleId, { align: 'center' })
    pdf.end()
    await ended
    return Buffer.concat(chunks)
  }
}

type Pdf = InstanceType<typeof PDFDocument>

function pair(pdf: Pdf, left: string, right: string, size: number): void {
  pdf.fontSize(size)
  const y = pdf.y
  pdf.text(left, MARGIN, y, { width: INNER * 0.65 }).text(right, MARGIN, y, { width: INNER, align: 'right' })
}

function rule(pdf: Pdf): void {
  pdf.moveDown(0.5)
  pdf
    .moveTo(MARGIN, pdf.y)
    .lineTo(WIDTH - MARGIN, pdf.y)
    .lineWidth(0.5)
    .dash(2, { space: 2 })
    .stroke()
    .undash()
    .moveDown(0.5)
}
