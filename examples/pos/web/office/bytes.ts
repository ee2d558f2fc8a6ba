const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

/** `1536` gives `1,5 KiB` in Portuguese. */
export function formatBytes(bytes: number, locale: string): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(bytes) / 10))
  const digits = { maximumFractionDigits: power === 0 ? 0 : 1 }
  return `${(bytes / 1_024 ** power).toLocaleString(locale, digits)} ${UNITS[power]}`
}
