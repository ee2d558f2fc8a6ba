// Writes catalog.csv from shelves/, the same bytes every time: `node examples/pos/data/generate.mjs`.
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { drinksAndHousehold } from './shelves/drinks-and-household.mjs'
import { food } from './shelves/food.mjs'

/** 789 and 790 are Brazil's; the four digits after it stand for the brand's company. */
const companyPrefix = (brandIndex) => `${brandIndex % 3 === 2 ? 790 : 789}${String(1000 + brandIndex * 37).padStart(4, '0')}`

const checkDigit = (twelve) => (10 - ([...twelve].reduce((sum, digit, i) => sum + Number(digit) * (i % 2 === 0 ? 1 : 3), 0) % 10)) % 10

/** Second and third brands cost a little more or less; prices end in 9, as in every shop. */
function priceOf(cents, brandIndex, flavourIndex) {
  const moved = cents * (1 + [0, 0.06, -0.07][brandIndex % 3]) + flavourIndex * 10
  return Math.max(99, Math.round(moved / 10) * 10 - 1)
}

const money = (cents) => `${Math.floor(cents / 100)},${String(cents % 100).padStart(2, '0')}`

const brandNames = []
const itemsOfBrand = new Map()
function nextEan(brand) {
  if (!itemsOfBrand.has(brand)) itemsOfBrand.set(brand, (brandNames.push(brand), 0))
  const item = itemsOfBrand.get(brand) + 1
  itemsOfBrand.set(brand, item)
  const twelve = companyPrefix(brandNames.indexOf(brand)) + String(item * 13).padStart(5, '0')
  return twelve + checkDigit(twelve)
}

const rows = Object.entries({ ...food, ...drinksAndHousehold }).flatMap(([category, products]) =>
  products.flatMap(([kind, brands, sizes, flavours = ['']]) =>
    brands.flatMap((brand, brandIndex) =>
      flavours.flatMap((flavour, flavourIndex) =>
        sizes.map(([size, cents]) => {
          const weighed = size === 'kg'
          const name = [kind, flavour, weighed || size === 'un' ? '' : size].filter(Boolean).join(' ')
          return [nextEan(brand), name, brand, category, weighed ? 'kg' : 'un', money(priceOf(cents, brandIndex, flavourIndex))].join(';')
        }),
      ),
    ),
  ),
)

const file = fileURLToPath(new URL('catalog.csv', import.meta.url))
writeFileSync(file, ['codigo;nome;marca;categoria;unidade;preco', ...rows, ''].join('\n'))
process.stdout.write(`${rows.length} products in ${file}\n`)
