import { expect, test } from '@jest/globals'
import { readSupplierFile } from '../src/csv/supplier-file.js'

const utf8 = (text: string) => new TextEncoder().encode(text)
const good = '7891000000137;Açúcar;Canavial;Mercearia;un;4,99'

test('columns in any order, in English, parted by commas, with a byte order mark', () => {
  const file = readSupplierFile(utf8('\ufeffprice,unit,category,brand,name,ean\r\n"4,99",un,groceries,X,Açúcar,7891000000137\r\n'))
  expect(file).toMatchObject({ rows: 1, problems: [], offers: [{ name: 'Açúcar', cents: 499, category: 'grocery' }] })
})

test('the Windows-1252 that Excel writes', () => {
  const bytes = Buffer.from(`Código;Nome;Marca;Categoria;Unidade;Preço\n${good}\n`, 'latin1')
  expect(readSupplierFile(bytes).offers[0]?.name).toBe('Açúcar')
})

test('a bad line is told with its number, the others are taken', () => {
  const { offers, problems, rows } = readSupplierFile(
    utf8(`codigo;nome;marca;categoria;unidade;preco\n${good}\n7891000000138;;X;Y;cx;muito\n${good}\n`),
  )
  expect(offers).toHaveLength(1)
  expect(rows).toBe(3)
  expect(problems.map(({ line }) => line)).toEqual([3, 4])
  expect(problems[0]!.problem).toMatch(/EAN-13.*name.*unit.*price/)
})

test.each([
  ['no columns', 'a;b\n1;2\n', /lacks the columns codigo, nome/],
  ['nothing', '', /lacks the columns/],
  ['no CSV', 'codigo;nome\n"x', /not CSV/],
])('a file with %s is given up at once', (_, text, reason) => {
  expect(() => readSupplierFile(utf8(text))).toThrow(reason)
})
