/** The check digit for the first twelve digits of an EAN-13. */
export function checkDigit(twelveDigits: string): number {
  let sum = 0
  for (let i = 0; i < 12; i += 1) sum += Number(twelveDigits[i]) * (i % 2 === 0 ? 1 : 3)
  return (10 - (sum % 10)) % 10
}

/** True for thirteen digits, the last of which checks the others. */
export function isEan13(text: string): boolean {
  return /^\d{13}$/.test(text) && checkDigit(text) === Number(text[12])
}
