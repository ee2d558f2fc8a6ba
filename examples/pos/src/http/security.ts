import type { FastifyInstance } from 'fastify'
import { HttpProblem } from './problems.js'

/**
 * Headers for every answer, and no changes at another site's bidding.
 *
 * @param storeOrigin where signed URLs point to when the store is not this server itself, e.g. `https://bucket.example`
 */
export function secure(server: FastifyInstance, storeOrigin: string | undefined): void {
  const store = storeOrigin === undefined ? '' : ` ${storeOrigin}`
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self' blob: data:${store}`,
    // The broker's address is in each device's connection, so it is not known here.
    `connect-src 'self' ws: wss:${store}`,
    // The MQTT client keeps its timers in a worker of its own, so that a page in the background stays connected.
    "worker-src 'self' blob:",
    "font-src 'self'",
    "manifest-src 'self'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')

  server.addHook('onRequest', async (request) => {
    const site = request.headers['sec-fetch-site']
    const changes = request.method !== 'GET' && request.method !== 'HEAD'
    if (changes && site === 'cross-site') throw new HttpProblem(403, 'crossSite', 'Another site may not ask for this.')
  })
  server.addHook('onSend', async (_request, reply) => {
    void reply
      .header('content-security-policy', policy)
      .header('x-content-type-options', 'nosniff')
      .header('referrer-policy', 'no-referrer')
      .header('permissions-policy', 'camera=(), microphone=(), geolocation=(), payment=()')
      .header('cross-origin-opener-policy', 'same-origin')
  })
}
