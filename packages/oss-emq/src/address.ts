import { PortError } from '@pdvend/ports'
import { isPlaintext } from '@pdvend/push-mqtt'
import type { Settings } from './config.js'

type Addresses = Pick<
  Settings,
  'url' | 'webSocketUrl' | 'urls' | 'username' | 'password' | 'plaintextHosts' | 'apiUrl' | 'apiKey' | 'apiSecret'
>

/** Addresses that devices are told. */
export function deviceUrls({ url, webSocketUrl, urls }: Addresses): readonly string[] {
  if (urls.length > 0) return urls
  return webSocketUrl === undefined ? [url] : [url, webSocketUrl]
}

/** Refuses addresses by which a password would be seen, before anything is sent. @throws CONFIG_INVALID naming the setting */
export function checkAddresses(settings: Addresses): void {
  const named: [string, string | undefined][] = [
    ['PDVEND_PUSH_URL', settings.url],
    ['PDVEND_PUSH_WEBSOCKET_URL', settings.webSocketUrl],
    ['PDVEND_PUSH_API_URL', settings.apiUrl],
    ...settings.urls.map((url): [string, string] => ['PDVEND_PUSH_URLS', url]),
  ]
  for (const [setting, text] of named) {
    if (text === undefined) continue
    const { protocol, hostname, username, password } = new URL(text)
    if (username !== '' || password !== '')
      throw wrong(
        `${setting} holds a password, which would be shown and told to devices: use PDVEND_PUSH_USERNAME and PDVEND_PUSH_PASSWORD`,
      )
    if (!isPlaintext(text) || settings.plaintextHosts.includes(hostname)) continue
    throw wrong(
      `${setting} would send passwords to ${hostname} in plain text: use ${protocol.replace(':', 's:')}//, or name the host in PDVEND_PUSH_PLAINTEXT_HOSTS`,
    )
  }
  if (settings.password !== undefined && settings.username === undefined)
    throw wrong('PDVEND_PUSH_PASSWORD is set without PDVEND_PUSH_USERNAME')
  if (settings.apiUrl !== undefined && (settings.apiKey === undefined || settings.apiSecret === undefined))
    throw wrong('PDVEND_PUSH_API_URL needs PDVEND_PUSH_API_KEY and PDVEND_PUSH_API_SECRET')
}

function wrong(detail: string): PortError {
  return new PortError('CONFIG_INVALID', { adapter: 'oss-emq', operation: 'open', detail })
}
