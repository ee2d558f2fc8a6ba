import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { readSupplierFile } from '../src/csv/supplier-file.js'
import { checkDigit, isEan13 } from '../src/domain/ean13.js'

const bytes = readFileSync(new URL('../data/catalog.csv', import.meta.url))
const file = readSupplierFile(bytes)

describe('the demo catalogue', () => {
  test('has at least a thousand products and not one refused line', () => {
    expect(file.problems).toEqual([])
    expect(file.offers.length).toBeGreaterThanOrEqual(1_000)
    expect(file.offers.length).toBe(file.rows)
  })

  test('every barcode is an EAN-13 of Brazil with a right check digit, none twice', () => {
    const eans = file.offers.map(({ ean }) => ean)
    expect(eans.filter((ean) => !/^(789|790)\d{10}$/.test(ean) || checkDigit(ean.slice(0, 12)) !== Number(ean[12]))).toEqual([])
    expect(new Set(eans).size).toBe(eans.length)
    expect(isEan13('7891000000138')).toBe(false)
  })

  test('no product stands there twice under another code', () => {
    const names = file.offers.map(({ name, brand, unit }) => `${name} ${brand} ${unit}`)
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })

  test('every department is known and every price is one of a grocery', () => {
    expect(file.offers.filter(({ category }) => category === 'other')).toEqual([])
    const cents = file.offers.map((offer) => offer.cents)
    expect(Math.min(...cents)).toBeGreaterThanOrEqual(50)
    expect(Math.max(...cents)).toBeLessThanOrEqual(20_000)
    expect(file.offers.some(({ unit }) => unit === 'kg')).toBe(true)
  })

  test('the names have their accents', () => {
    const names = file.offers.map(({ name }) => name.toLowerCase()).join('\n')
    for (const word of [
      'açúcar',
      'pão de queijo',
      'maçã',
      'guaraná',
      'feijão',
      'café',
      'açaí',
      'requeijão',
      'linguiça',
      'água',
      'óleo',
      'xampu',
    ])
      expect(names).toContain(word)
    expect(names.normalize('NFC')).toBe(names)
  })
})
