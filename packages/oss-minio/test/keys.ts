import fc from 'fast-check'

const char = fc.constantFrom(
  ...Array.from('aab/0./.-!_~ \\\u0001\u001f\u007f'),
  '\ufffd',
  '\ufffe',
  '\uffff',
  'é',
  '😀',
  '\u{10fffd}',
  '//',
  '/.',
  '!2',
  '._',
)

/** Text of what keys are made of in the wild, and of what the escapes use themselves. */
export const text = fc.oneof(
  { weight: 6, arbitrary: fc.array(char, { maxLength: 12 }).map((chars) => chars.join('')) },
  {
    weight: 1,
    arbitrary: fc
      .array(fc.constantFrom('a'.repeat(195), 'é'.repeat(100), 'x'.repeat(199), '/', 'b', ' ', '!', '.'), { maxLength: 9 })
      .map((chars) => chars.join('')),
  },
)

/** Keys as drivers get them. */
export const key = text.filter(
  (candidate) =>
    candidate !== '' &&
    Buffer.byteLength(candidate) <= 1_024 &&
    !candidate.split('/').some((segment) => segment === '.' || segment === '..'),
)
