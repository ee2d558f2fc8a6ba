import { readAll } from '../client/body.js'
import type { Settings } from '../config.js'
import { type UploadGuard, UrlSigner } from '../signing.js'
import type { Lab } from './lab.js'
import type { Kept } from './measured.js'

const LIFE_MS = 60_000
const SECRET = 'what the holder of an upload URL must not get'
const TYPE = 'text/plain'
const BOUNDARY = 'pdvend-probe-boundary'

/**
 * Is a signed PUT safe? The attack is tried: an unsigned `x-amz-copy-source` that copies another blob to the signed key. Then the
 * guard against it. What does not take uploads, or lets the attack pass in both forms, is `none`.
 */
export async function measurePut(lab: Lab, settings: Settings): Promise<UploadGuard> {
  const secret = lab.name('secret')
  await lab.put(secret, SECRET)
  for (const guard of ['plain', 'guarded'] as const) {
    const url = (name: string): string => {
      lab.wrote(name)
      const expiresAt = new Date(Date.now() + LIFE_MS)
      const request = { method: 'PUT', key: name, contentType: TYPE, expiresAt } as const
      return signerOf(settings, guard).sign(request, name, {}, Date.now()).url
    }
    const [used, attacked] = [lab.name(`put-${guard}`), lab.name(`attacked-${guard}`)]
    await send(lab, url(attacked), 'PUT', { 'content-type': TYPE, 'x-amz-copy-source': `/${settings.bucket}/${secret}` }, '')
    const stolen = (await lab.get(attacked)).text === SECRET
    const works = (await send(lab, url(used), 'PUT', { 'content-type': TYPE }, 'x')) && (await lab.get(used)).text === 'x'
    if (works && !stolen) return guard
  }
  return 'none'
}

/** Does the store take forms, and refuse what is too large for their policy, or another key? */
export async function measurePost(lab: Lab, settings: Settings): Promise<Kept> {
  const name = lab.name('post')
  lab.wrote(name)
  lab.wrote(`${name}-other`)
  const request = {
    method: 'POST',
    key: name,
    contentType: TYPE,
    minBytes: 1,
    maxBytes: 4,
    expiresAt: new Date(Date.now() + LIFE_MS),
  } as const
  const signed = signerOf(settings, 'plain').sign(request, name, {}, Date.now())
  if (!('fields' in signed)) return 'refused'
  const post = (fields: Readonly<Record<string, string>>, body: string): Promise<boolean> => {
    const text = [...Object.entries(fields), ['file', body]].map(([field, value]) => {
      const file = field === 'file' ? '; filename="probe"' : ''
      return `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${field}"${file}\r\n\r\n${value}\r\n`
    })
    const headers = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` }
    return send(lab, signed.url, 'POST', headers, `${text.join('')}--${BOUNDARY}--\r\n`)
  }
  if (!(await post(signed.fields, 'fits')) || (await lab.get(name)).text !== 'fits') return 'refused'
  const passed = [await post(signed.fields, 'too large'), await post({ ...signed.fields, key: `${name}-other` }, 'x')]
  return passed.includes(true) || (await lab.get(name)).text !== 'fits' ? 'ignored' : 'kept'
}

/** As an app signs, but for the address that we reach the store at ourselves. */
function signerOf({ endpoint, bucket, pathStyle, region, ...keys }: Settings, guard: UploadGuard): UrlSigner {
  const credentials = { accessKey: keys.accessKey, secretKey: keys.secretKey!.reveal() }
  const uploadCredentials =
    keys.uploadAccessKey === undefined ? credentials : { accessKey: keys.uploadAccessKey, secretKey: keys.uploadSecretKey!.reveal() }
  return new UrlSigner({ endpoint, bucket, pathStyle, region, credentials, uploadCredentials, guard })
}

/** As a browser does: what is in the URL, and no signature beside it. */
async function send(
  lab: Lab,
  url: string,
  method: 'PUT' | 'POST',
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<boolean> {
  const { status, message } = await lab.client.foreign({ url: new URL(url), method, headers, body: Buffer.from(body), signal: lab.signal })
  await readAll(message, lab.signal, lab.client.idleTimeoutMs, 65_536)
  return status < 300
}
