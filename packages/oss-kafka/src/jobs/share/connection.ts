import { isIP } from 'node:net'
import type { ClusterOptions } from '@pdvend/kafka-share-consumer'
import type { Connection } from '../../connection.js'

/** The settings as the share consumer takes them: it speaks through @platformatic/kafka's pool, whichever client the rest uses. */
export function shareOptions({ brokers, clientId, tls, sasl, connectTimeoutMs, requestTimeoutMs }: Connection): ClusterOptions {
  const hosts = brokers.map((address) => address.replace(/:\d+$/, '').replace(/^\[|\]$/g, ''))
  // A server name may not be an IP address; the certificate is verified either way.
  const encryption =
    tls === undefined ? {} : { tls: { ...tls, rejectUnauthorized: true }, tlsServerName: hosts.every((host) => isIP(host) === 0) }
  const password =
    sasl === undefined ? {} : { sasl: { ...sasl, mechanism: sasl.mechanism.toUpperCase() as 'PLAIN', password: sasl.password.reveal() } }
  return {
    bootstrapBrokers: brokers,
    clientId,
    connection: { connectTimeout: connectTimeoutMs, requestTimeout: requestTimeoutMs, ...encryption, ...password },
  }
}
