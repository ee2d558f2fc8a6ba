/** The source of a regular expression that reads a policy's pattern: `*` is any text, `?` any one character. */
export function wildcards(pattern: string): string {
  return literal(pattern).replaceAll('\\*', '[^]*').replaceAll('\\?', '[^]')
}

/** The source of one that reads `text` as it is. */
export function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
