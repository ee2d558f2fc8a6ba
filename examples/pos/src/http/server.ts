import { existsSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import { contextFromHeaders, withContext } from '@pdvend/ports'
import Fastify, { type FastifyInstance } from 'fastify'
import { officeRoutes } from './office-routes.js'
import { officeStream } from './office-stream.js'
import { HttpProblem, problemOf, sendProblem } from './problems.js'
import { secure } from './security.js'
import type { Shop } from './shop.js'
import { tillRoutes } from './till-routes.js'

export interface ServerOptions {
  /** Answers signed URLs where the store is this very process; mounted at `/blobs`. */
  readonly blobHandler?: (request: IncomingMessage, response: ServerResponse) => void | Promise<void>
  /** Origin of signed URLs that point elsewhere. */
  readonly storeOrigin?: string
  /** Is the shop ready to sell? Told by `GET /healthz`. */
  readonly health: () => Promise<'up' | 'degraded' | 'down'>
  /** Log level. Default `warn`. */
  readonly logLevel?: string
}

const WEB = fileURLToPath(new URL('../../dist/web/', import.meta.url))

/** Largest JSON body in bytes. */
const MAX_BODY_BYTES = 256 * 1024

/** The shop over HTTP: pages, JSON, server-sent events. */
export async function buildServer(shop: Shop, options: ServerOptions): Promise<FastifyInstance> {
  const server = Fastify({
    logger: { level: options.logLevel ?? 'warn' },
    bodyLimit: MAX_BODY_BYTES,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
  })
  secure(server, options.storeOrigin)

  // PDVend's headers, or a fresh transaction: everything that the request causes carries it.
  server.addHook('onRequest', (request, _reply, done) => {
    withContext({ component: 'pos', ...contextFromHeaders(request.headers) }, done)
  })
  server.setErrorHandler((error, request, reply) => {
    const problem = problemOf(error)
    // What the shop itself says is an answer, whatever its number.
    if (problem.status >= 500 && !(error instanceof HttpProblem)) request.log.error(error)
    // What is left of a refused body is not worth reading.
    if (!request.raw.complete) void reply.header('connection', 'close')
    return sendProblem(reply, problem)
  })
  server.setNotFoundHandler((request, reply) => {
    const problem = new HttpProblem(404, 'notFound', `There is nothing at ${request.url.slice(0, 100)}.`)
    return sendProblem(reply, problemOf(problem))
  })

  if (options.blobHandler !== undefined) mountBlobs(server, options.blobHandler)
  server.get('/healthz', async (_request, reply) => {
    const status = await options.health()
    return reply.code(status === 'down' ? 503 : 200).send({ status })
  })
  tillRoutes(server, shop)
  officeRoutes(server, shop)
  officeStream(server, shop)
  await pages(server)
  return server
}

/** The SDK's handler reads the body by itself, so this scope parses none. */
function mountBlobs(server: FastifyInstance, handler: NonNullable<ServerOptions['blobHandler']>): void {
  void server.register(async (scope) => {
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    // Forms are posted to the path itself, everything else lies below it.
    for (const path of ['/blobs', '/blobs/*']) {
      scope.all(path, async (request, reply) => {
        reply.hijack()
        await handler(request.raw, reply.raw)
      })
    }
  })
}

async function pages(server: FastifyInstance): Promise<void> {
  if (!existsSync(WEB)) throw new Error(`The web page is not built: ${WEB} is missing. Run "npm run build".`)
  await server.register(fastifyStatic, {
    root: WEB,
    prefix: '/assets/',
    index: false,
    setHeaders: (response, path) => {
      // The names of bundles hold a hash of what is in them.
      const immutable = /-[A-Z0-9]{8}\.(?:js|css)$/.test(path)
      void response.header('cache-control', immutable ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  const page = (name: string) => (_request: unknown, reply: { sendFile(file: string): unknown }) => reply.sendFile(name)
  server.get('/', (_request, reply) => reply.redirect('/till', 302))
  server.get('/till', page('till.html'))
  server.get('/office', page('office.html'))
  server.get('/favicon.ico', (_request, reply) => reply.redirect('/assets/icon.svg', 302))
}
