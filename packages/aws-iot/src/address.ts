import { isPlaintext } from '@pdvend/push-mqtt'
import type { Settings } from './config.js'
import { wrong } from './errors.js'
import { LEAST_SECRET_BYTES } from './limits.js'

/**
 * Where the app connects, and what devices are told; checked before anything is sent.
 * @throws CONFIG_INVALID naming the setting
 */
export function addressesOf({ endpoint, url = webSocketOf(endpoint), urls: given, jwtSecret }: Settings): {
  readonly url: string
  readonly urls: readonly string[]
} {
  if (jwtSecret !== undefined && Buffer.byteLength(jwtSecret.reveal()) < LEAST_SECRET_BYTES)
    throw wrong(`PDVEND_PUSH_JWT_SECRET is shorter than ${LEAST_SECRET_BYTES} bytes`)
  const urls = given.length > 0 ? given : [url]
  for (const address of [endpoint, url, ...urls]) {
    const { protocol, hostname, username, password, search } = new URL(address)
    if (username !== '' || password !== '' || search !== '')
      throw wrong('PDVEND_PUSH_ENDPOINT, PDVEND_PUSH_URL and PDVEND_PUSH_URLS hold neither password nor query: what they hold is shown')
    if (isPlaintext(address))
      throw wrong(
        `device tokens would go to ${hostname} in plain text: use ${protocol.replace(':', 's:')}// in PDVEND_PUSH_ENDPOINT, _URL and _URLS`,
      )
  }
  return { url, urls }
}

function webSocketOf(endpoint: string): string {
  const { protocol, host } = new URL(endpoint)
  return `${protocol === 'https:' ? 'wss' : 'ws'}://${host}/mqtt`
}
