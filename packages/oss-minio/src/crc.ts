const POLYNOMIAL = 0xedb88320

/** x^(2^n) modulo the polynomial. */
const POWERS: readonly number[] = (() => {
  const powers = [0x40000000]
  for (let n = 1; n < 32; n++) powers.push(multiply(powers[n - 1]!, powers[n - 1]!))
  return powers
})()

/** The CRC-32 of one piece and the next, of `nextBytes`, from theirs (Mark Adler's way in zlib): no byte is looked at twice. */
export function combineCrc(crc: number, next: number, nextBytes: number): number {
  let shift = 0x80000000
  let exponent = 3
  for (let rest = nextBytes; rest > 0; rest = Math.floor(rest / 2), exponent++)
    if (rest % 2 === 1) shift = multiply(POWERS[exponent % 32]!, shift)
  return (multiply(shift, crc) ^ next) >>> 0
}

/** Product of two polynomials, lowest power in the highest bit. */
function multiply(one: number, other: number): number {
  let product = 0
  let factor = other
  for (let bit = 31; bit >= 0; bit--) {
    if ((one >>> bit) & 1) product ^= factor
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1
  }
  return product >>> 0
}
