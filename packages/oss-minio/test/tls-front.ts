import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'

/** TLS in front of a store, with a certificate of its own. */
export interface TlsFront {
  readonly url: string
  /** The certificate that signed itself. */
  readonly caFile: string
  close(): Promise<void>
}

/** A certificate for `host` (an IP address or a name), made by openssl. */
export async function tlsFront(port: number, host: string): Promise<TlsFront> {
  const folder = mkdtempSync(join(tmpdir(), 'pdvend-tls-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const name = /^[\d.]+$/.test(host) ? `IP:${host}` : `DNS:${host}`
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      ...curve,
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '2',
      '-subj',
      '/CN=store',
      '-addext',
      `subjectAltName=${name}`,
    ],
    { stdio: 'ignore' },
  )
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (secure) => {
    const plain = connect(port, '127.0.0.1')
    for (const socket of [secure, plain])
      socket.on('error', () => {
        secure.destroy()
        plain.destroy()
      })
    secure.pipe(plain).pipe(secure)
  })
  server.on('tlsClientError', () => undefined)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caFile: cert,
    async close() {
      server.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Why this machine cannot make certificates; undefined = it can. */
export function whyNoCertificates(): string | undefined {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return undefined
  } catch {
    return 'no openssl on this machine'
  }
}
