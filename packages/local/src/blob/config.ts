import { z } from 'zod'
import { env, secret } from '@pdvend/ports'
import { directory } from '../directory.js'

/** An absolute http(s) address, or a path on the page's own server such as `/blobs`; without a slash at its end. */
const base = z
  .string()
  .refine((text) => /^\/[^/?#]/.test(text) || isHttpUrl(text), 'give an http(s) URL without query, or a path such as /blobs')
  .transform((text) => text.replace(/\/+$/, ''))

/** The settings of the adapter `local-blob`; the handler that serves signed URLs reads the same. */
export const config = {
  directory,
  url: env(
    'BLOB_URL',
    z.preprocess((text) => text ?? defaultUrl(), base),
    {
      doc: 'Where the app mounts the handler of signed URLs: an http(s) URL or a path; default http://localhost:$PORT/blobs, port 3000',
      example: 'https://loja.example.com/blobs',
    },
  ),
  signingKey: secret('BLOB_SIGNING_KEY', {
    doc: 'Key of signed URLs, at least 16 characters, the same in every process; default: a random one kept in PDVEND_LOCAL_DIR',
  }),
  sweepAfterMs: env('BLOB_SWEEP_AFTER_MS', z.coerce.number().int().min(0).default(300_000), {
    doc: 'How long a body file that no blob refers to stays untouched before it is removed, in milliseconds; default 300000',
    example: '300000',
  }),
}

function defaultUrl(): string {
  return `http://localhost:${process.env.PORT ?? '3000'}/blobs`
}

function isHttpUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, search, hash, username } = new URL(text)
  return /^https?:$/.test(protocol) && search === '' && hash === '' && username === ''
}
