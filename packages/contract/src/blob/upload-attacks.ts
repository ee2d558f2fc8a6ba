import assert from 'node:assert/strict'
import type { BlobStorage, SignedUrl } from '@pdvend/ports'
import { PortError } from '@pdvend/ports'
import { type BlobCase, namesOf, ownStore } from './kit.js'

/** What a holder of an upload URL may try; a class of its own because stores have fallen for it. */
export const uploadAttacks: readonly BlobCase[] = [
  {
    id: 'B115',
    title: 'who holds a signed PUT can by headers that were not signed neither copy another blob, nor write elsewhere, nor add metadata',
    needs: ['signedUrls'],
    async run(subject) {
      const blobs = await ownStore(subject)
      await blobs.put('secret', 'secret')
      const sources = copySources((await blobs.sign.get('secret')).url)
      const tar = tarOf('elsewhere', 'smuggled')
      const attacks: readonly (readonly [headers: Record<string, string>, body: string | Uint8Array | undefined])[] = [
        ...sources.flatMap((source) => [
          [{ 'x-amz-copy-source': source }, undefined] as const,
          [{ 'x-amz-copy-source': source }, 'x'] as const,
        ]),
        ...sources.map((source) => [{ 'x-amz-copy-source': source, 'x-amz-metadata-directive': 'REPLACE' }, undefined] as const),
        ...sources.map((source) => [{ 'x-amz-copy-source': source, 'x-amz-copy-source-range': 'bytes=0-5' }, undefined] as const),
        [{ 'x-amz-meta-owner': 'attacker' }, 'x'],
        [{ 'x-amz-meta-snowball-auto-extract': 'true' }, tar],
      ]
      const attacked: string[] = []
      for (const [number, [headers, body]] of attacks.entries()) {
        const key = `attacked-${number}`
        attacked.push(key)
        const signed = await blobs.sign.put(key, { contentType: 'text/plain' })
        await sends(signed, signed.url, headers, body)
        // The same by the query, which is signed.
        await sends(signed, `${signed.url}&${new URLSearchParams(headers).toString()}`, {}, body)
        const what = `${JSON.stringify(headers)} with ${body === undefined ? 'no body' : 'a body'}`
        const found = await contentOf(blobs, key)
        assert.notEqual(found?.text, 'secret', `${what} copied another blob`)
        assert.equal(found?.metadata.owner, undefined, `${what} added metadata`)
        // The URL itself still does what it is for.
        await sends(signed, signed.url, {}, 'honest')
        assert.equal((await contentOf(blobs, key))?.text, 'honest')
      }
      assert.deepEqual(await namesOf(blobs.list()), [...attacked, 'secret'].sort())
    },
  },
]

async function sends(
  { headers: signed }: SignedUrl,
  url: string,
  headers: Record<string, string>,
  body: string | Uint8Array | undefined,
): Promise<void> {
  const init = { method: 'PUT', headers: { ...signed, ...headers } }
  const answer = await fetch(url, body === undefined ? init : { ...init, body: body as Uint8Array<ArrayBuffer> })
  await answer.arrayBuffer()
}

async function contentOf(
  blobs: BlobStorage,
  key: string,
): Promise<{ text: string; metadata: Readonly<Record<string, string>> } | undefined> {
  try {
    await using reader = await blobs.get(key)
    return { text: Buffer.from(await reader.bytes()).toString('latin1'), metadata: reader.info.metadata }
  } catch (error) {
    if (PortError.is(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

/** Where a copy might take a blob from, with the bucket in the path or in the host. */
function copySources(url: string): readonly string[] {
  const { pathname, hostname } = new URL(url)
  return [pathname, pathname.slice(1), decodeURIComponent(pathname), `/${hostname.split('.')[0]}${pathname}`]
}

/** An archive of one file: stores have a header that makes them unpack an upload. */
function tarOf(name: string, text: string): Uint8Array {
  const octal = (value: number, width: number): string => value.toString(8).padStart(width, '0')
  const head = Buffer.alloc(512)
  head.write(name)
  head.write(`${octal(0o644, 7)}\0${octal(0, 7)}\0${octal(0, 7)}\0${octal(text.length, 11)}\0${octal(0, 11)}\0        0`, 100)
  head.write('ustar\0' + '00', 257)
  head.write(
    `${octal(
      head.reduce((sum, byte) => sum + byte, 0),
      6,
    )}\0 `,
    148,
  )
  const body = Buffer.alloc(512)
  body.write(text)
  return Buffer.concat([head, body, Buffer.alloc(1_024)])
}
