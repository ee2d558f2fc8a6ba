/** The shop's departments: id, and how each is called. */
export const categories = {
  grocery: { pt: 'Mercearia', en: 'Groceries' },
  bakery: { pt: 'Padaria', en: 'Bakery' },
  produce: { pt: 'Hortifrúti', en: 'Fruit & vegetables' },
  dairy: { pt: 'Laticínios', en: 'Dairy' },
  deli: { pt: 'Frios e queijos', en: 'Deli & cheese' },
  meat: { pt: 'Carnes e peixes', en: 'Meat & fish' },
  drinks: { pt: 'Bebidas', en: 'Drinks' },
  coffee: { pt: 'Café e chá', en: 'Coffee & tea' },
  sweets: { pt: 'Doces e biscoitos', en: 'Sweets & snacks' },
  frozen: { pt: 'Congelados', en: 'Frozen' },
  cleaning: { pt: 'Limpeza', en: 'Cleaning' },
  care: { pt: 'Higiene', en: 'Personal care' },
  pets: { pt: 'Animais', en: 'Pets' },
  other: { pt: 'Outros', en: 'Other' },
} as const

export type CategoryId = keyof typeof categories

export const categoryIds = Object.keys(categories) as readonly CategoryId[]

/** Without accents and case, for comparing what people type: `Açúcar` and `acucar` are one. */
export function fold(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{Diacritic}/gu, '')
    .toLowerCase()
    .trim()
}

const byName = new Map(categoryIds.flatMap((id) => [id, ...Object.values(categories[id])].map((name) => [fold(name), id] as const)))

/** The department that a supplier's file means; what is unknown goes to `other`. */
export function categoryNamed(name: string): CategoryId {
  return byName.get(fold(name)) ?? 'other'
}
