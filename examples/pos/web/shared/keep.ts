/** Small things that a browser remembers. A browser that refuses to forgets them; the page goes on. */
export function kept(name: string): string | null {
  try {
    return localStorage.getItem(`pos.${name}`)
  } catch {
    return null
  }
}

/** False when the browser would not take it. */
export function keep(name: string, value: string | undefined): boolean {
  try {
    if (value === undefined) localStorage.removeItem(`pos.${name}`)
    else localStorage.setItem(`pos.${name}`, value)
    return true
  } catch {
    return false
  }
}

export function keptJson<T>(name: string): T | undefined {
  try {
    const text = kept(name)
    return text === null ? undefined : (JSON.parse(text) as T)
  } catch {
    return undefined
  }
}
