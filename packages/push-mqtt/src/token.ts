import { createHmac, createPrivateKey, type KeyObject, sign } from 'node:crypto'

/** Signs what devices present; whoever lets them in checks it. */
export type Signer = { readonly secret: string } | { readonly key: KeyObject }

/** @throws Error for what is no private key in PEM */
export function signerOf(pem: Buffer): Signer {
  return { key: createPrivateKey(pem) }
}

/** A JSON Web Token (RFC 7519), HS256 or RS256. */
export function encodeToken(claims: object, signer: Signer): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${part({ alg: 'secret' in signer ? 'HS256' : 'RS256', typ: 'JWT' })}.${part(claims)}`
  const signature =
    'secret' in signer ? createHmac('sha256', signer.secret).update(text).digest() : sign('sha256', Buffer.from(text), signer.key)
  return `${text}.${signature.toString('base64url')}`
}
