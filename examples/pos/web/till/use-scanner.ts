import type { RefObject } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** A scanner types faster than anybody: longer pauses in milliseconds begin a new code. */
const PAUSE_MS = 300

/**
 * A barcode scanner is a keyboard that types digits and Enter. Wherever the focus is, except in a field, its code is
 * read; `/` goes to the search.
 */
export function useScanner(onCode: (code: string) => void, search: RefObject<HTMLInputElement | null>): void {
  const handler = useRef(onCode)
  handler.current = onCode
  useEffect(() => {
    let digits = ''
    let last = 0
    const onKey = (event: KeyboardEvent): void => {
      const target = event.target as HTMLElement
      if (event.ctrlKey || event.metaKey || event.altKey || target.closest('input, textarea, select') !== null) return
      if (event.key === '/' && document.querySelector('dialog[open]') === null) {
        event.preventDefault()
        search.current?.focus()
        return
      }
      if (event.timeStamp - last > PAUSE_MS) digits = ''
      last = event.timeStamp
      if (/^\d$/.test(event.key)) digits += event.key
      else if (event.key === 'Enter' && digits.length >= 8) {
        // Else the Enter would press the button that has the focus.
        event.preventDefault()
        handler.current(digits)
        digits = ''
      }
    }
    addEventListener('keydown', onKey, { capture: true })
    return () => removeEventListener('keydown', onKey, { capture: true })
  }, [search])
}
