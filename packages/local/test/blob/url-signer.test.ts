import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { SignedForm, SignedUrl } from '@pdvend/ports'
import { UrlSigner } from '../../src/blob/url-signer.js'

const now = Date.UTC(2026, 0, 15)
const expiresAt = new Date(now + 60_000)
const signer = new UrlSigner('https://loja.example.com/app/blobs', Buffer.from('a key of the test, long enough'))

const key = fc
  .string({ minLength: 1, unit: 'grapheme' })
  .filter((text) => text.isWellFormed() && !text.includes('\0') && !text.split('/').some((segment) => segment === '.' || segment === '..'))

/** What the handler sees: everything after the mount point. */
const target = (url: string): string => url.slice('https://loja.example.com/app/blobs/'.length)

describe('signed URLs', () => {
  test('B104 a URL for any key is good for that key, also after a URL parser had it', async () => {
    await fc.assert(
      fc.asyncProperty(key, async (name) => {
        const { url } = signer.sign({ method: 'GET', key: name, expiresAt }) as SignedUrl
        for (const text of [url, new URL(url).href])
          expect(signer.verifyUrl('GET', target(text), now)).toMatchObject({ grant: { key: name } })
      }),
    )
  })

  test('B104 no byte of it can be changed', () => {
    const { url } = signer.sign({
      method: 'GET',
      key: 'fotos/café 1.png',
      expiresAt,
      contentDisposition: 'inline; filename="a b.png"',
    }) as SignedUrl
    const whole = target(url)
    for (let at = 0; at < whole.length; at++) {
      for (let bit = 0; bit < 7; bit++) {
        const changed = whole.slice(0, at) + String.fromCharCode(whole.charCodeAt(at) ^ (1 << bit)) + whole.slice(at + 1)
        const verdict = signer.verifyUrl('GET', changed, now)
        // %c3 and %C3, and a plus or a space, are two spellings of one URL: what it grants must be the same.
        if ('grant' in verdict) expect(verdict).toEqual(signer.verifyUrl('GET', whole, now))
      }
      expect(signer.verifyUrl('GET', whole.slice(0, at), now)).toEqual({ refused: 'invalid' })
    }
    expect(signer.verifyUrl('GET', `${whole}&x=1`, now)).toEqual({ refused: 'invalid' })
    expect(signer.verifyUrl('PUT', whole, now)).toEqual({ refused: 'invalid' })
  })

  test('B104 it is good until its time and not a second longer', () => {
    const { url, expiresAt: good } = signer.sign({ method: 'GET', key: 'k', expiresAt }) as SignedUrl
    expect(signer.verifyUrl('GET', target(url), good.getTime() - 1)).toHaveProperty('grant')
    expect(signer.verifyUrl('GET', target(url), good.getTime())).toEqual({ refused: 'expired' })
  })

  test('B104 another key of the signer, another verdict', () => {
    const { url } = signer.sign({ method: 'GET', key: 'k', expiresAt }) as SignedUrl
    expect(new UrlSigner('/app/blobs', Buffer.from('another key of the test')).verifyUrl('GET', target(url), now)).toEqual({
      refused: 'invalid',
    })
  })

  test('B106 no bit of a form policy or of its signature can be changed', () => {
    const request = { method: 'POST', key: 'upload.png', expiresAt, contentType: 'image/png', minBytes: 1, maxBytes: 1_000 } as const
    const { fields } = signer.sign(request) as SignedForm
    const { policy, signature } = fields as { policy: string; signature: string }
    expect(signer.verifyForm(policy, signature, now)).toEqual({
      grant: { key: 'upload.png', contentType: 'image/png', minBytes: 1, maxBytes: 1_000, expiresAt },
    })
    expect(signer.verifyForm(policy, signature, expiresAt.getTime())).toEqual({ refused: 'expired' })
    fc.assert(
      fc.property(fc.nat(policy.length + signature.length - 1), fc.integer({ min: 0, max: 6 }), (at, bit) => {
        const both = policy + signature
        const changed = both.slice(0, at) + String.fromCharCode(both.charCodeAt(at) ^ (1 << bit)) + both.slice(at + 1)
        expect(signer.verifyForm(changed.slice(0, policy.length), changed.slice(policy.length), now)).toEqual({ refused: 'invalid' })
      }),
    )
  })
})
