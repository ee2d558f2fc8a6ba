import { isIP } from 'node:net'

/** Would others on the way see what goes to this address? Not with TLS, and not on this machine. */
export function isPlaintext(url: string): boolean {
  const { protocol, hostname } = new URL(url)
  return !/^(mqtts|wss|https):$/.test(protocol) && !isLoopback(hostname)
}

function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === 'localhost' || host === '::1'
}
