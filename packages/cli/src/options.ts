import { InvalidArgumentError } from 'commander'

/** A date of ISO 8601, e.g. `2026-11-23` or `2026-11-23T10:00:00Z`. */
export function dateOption(text: string): Date {
  const date = new Date(text)
  if (!/^\d{4}-\d{2}-\d{2}/.test(text) || Number.isNaN(date.getTime()))
    throw new InvalidArgumentError('Write it like 2026-11-23T10:00:00Z.')
  return date
}

/** A whole number of at least `least`. */
export const integerOption =
  (least: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!Number.isInteger(value) || value < least) throw new InvalidArgumentError(`Give a whole number of at least ${least}.`)
    return value
  }

/** A list: `B1,B2`. */
export function listOption(text: string): readonly string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}
