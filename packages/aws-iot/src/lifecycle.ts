import type { OfflineReason } from '@pdvend/ports'
import { deviceOf } from '@pdvend/push-mqtt'

/**
 * Where AWS says that a client has gone; of all clients of the account, for a filter names whole levels.
 * Source: https://docs.aws.amazon.com/iot/latest/developerguide/life-cycle-events.html (seen 2026-11).
 */
export const DISCONNECTED_FILTER = '$aws/events/presence/disconnected/+'

const REASONS: Readonly<Record<string, OfflineReason | 'replaced'>> = {
  CLIENT_INITIATED_DISCONNECT: 'closed',
  DUPLICATE_CLIENTID: 'replaced',
  CUSTOMAUTH_TTL_EXPIRATION: 'expired',
  WEBSOCKET_TTL_EXPIRATION: 'expired',
  API_INITIATED_DISCONNECT: 'revoked',
}

/** A device that has gone, as a lifecycle event tells it; undefined for other topics, other clients, and a device that came anew. */
export function readDisconnected(
  ns: string,
  topic: string,
  bytes: Uint8Array,
): { readonly device: string; readonly reason: OfflineReason } | undefined {
  const clientId = /^\$aws\/events\/presence\/disconnected\/([^/]+)$/.exec(topic)?.[1]
  const device = clientId && deviceOf(ns, clientId)
  if (!device) return undefined
  const reason = REASONS[reasonIn(bytes)] ?? 'lost'
  return reason === 'replaced' ? undefined : { device, reason }
}

function reasonIn(bytes: Uint8Array): string {
  try {
    const { disconnectReason } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { disconnectReason?: unknown }
    return String(disconnectReason)
  } catch {
    return ''
  }
}
