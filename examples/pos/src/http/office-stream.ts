import type { ServerResponse } from 'node:http'
import type { FastifyInstance } from 'fastify'
import type { Shop } from './shop.js'

const EVERY_MS = 1_000
/** Keeps proxies from closing a quiet stream. */
const HEARTBEAT_TICKS = 15
/** A page that does not read is sent away; it comes back by itself. */
const MAX_BUFFERED_BYTES = 1_000_000

/**
 * `GET /api/office/stream`: the back office's view as server-sent events, at once and then whenever it changes, looked at
 * once a second for all pages together, and not at all while nobody looks.
 */
export function officeStream(server: FastifyInstance, shop: Shop): void {
  const pages = new Set<ServerResponse>()
  let timer: NodeJS.Timeout | undefined
  let last = ''
  let ticks = 0
  let looking = false

  const send = (page: ServerResponse, text: string): void => {
    page.write(text)
    if (page.writableLength > MAX_BUFFERED_BYTES) page.destroy()
  }
  const look = async (): Promise<void> => {
    if (looking) return
    looking = true
    try {
      const { at, ...view } = await shop.office.view()
      const text = JSON.stringify(view)
      const changed = text !== last
      last = text
      ticks += 1
      if (changed) for (const page of pages) send(page, `event: office\ndata: ${JSON.stringify({ at, ...view })}\n\n`)
      else if (ticks % HEARTBEAT_TICKS === 0) for (const page of pages) send(page, ': still here\n\n')
    } catch (error) {
      server.log.warn({ error }, 'the back office could not be read')
      // What comes next ends the trouble, even if it says what was said before it.
      last = ''
      for (const page of pages) send(page, 'event: trouble\ndata: {}\n\n')
    } finally {
      looking = false
    }
  }

  server.get('/api/office/stream', async (request, reply) => {
    reply.hijack()
    const page = reply.raw
    page.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
    page.write('retry: 2000\n\n')
    pages.add(page)
    last = ''
    timer ??= setInterval(() => void look(), EVERY_MS)
    request.raw.on('close', () => {
      pages.delete(page)
      if (pages.size > 0) return
      clearInterval(timer)
      timer = undefined
    })
    await look()
  })

  server.addHook('preClose', async () => {
    clearInterval(timer)
    for (const page of pages) page.end()
    // Who is still looking has nobody left to tell.
    pages.clear()
  })
}
