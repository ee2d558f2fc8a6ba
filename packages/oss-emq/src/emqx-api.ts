import { PortError } from '@pdvend/ports'

const PAGE = 1_000
const REQUEST_MS = 10_000

/** A client as EMQX lists it. */
export interface EmqxClient {
  readonly clientid: string
  readonly username?: string | null
  readonly connected: boolean
}

interface Page<T> {
  readonly data: readonly T[]
  readonly meta: { readonly hasnext?: boolean }
}

/**
 * The part of EMQX's HTTP API, version 5, that push needs: https://docs.emqx.com/en/emqx/v5.8/admin/api-docs.html.
 * Basic authentication by an API key. Not run against EMQX here: the tests answer as its documentation says.
 */
export class EmqxApi {
  readonly #authorization: string

  constructor(
    private readonly url: string,
    key: string,
    secret: string,
  ) {
    this.#authorization = `Basic ${Buffer.from(`${key}:${secret}`).toString('base64')}`
  }

  /** @throws UNAUTHENTICATED | UNAVAILABLE, each naming its setting */
  async ping(signal: AbortSignal): Promise<void> {
    await this.#call('GET', '/clients?page=1&limit=1', signal)
  }

  /** Those that are connected and whose id contains `text`. */
  async clients(text: string, signal: AbortSignal): Promise<readonly EmqxClient[]> {
    const clients = await this.#pages<EmqxClient>(`/clients?like_clientid=${encodeURIComponent(text)}&`, signal)
    return clients.filter(({ connected }) => connected)
  }

  /** Topic filters of a client; none when it is not connected. */
  async subscriptions(clientId: string, signal: AbortSignal): Promise<readonly string[]> {
    const { status, text } = await this.#call('GET', `/clients/${encodeURIComponent(clientId)}/subscriptions`, signal, undefined, [404])
    return status === 404 ? [] : (JSON.parse(text) as readonly { readonly topic: string }[]).map(({ topic }) => topic)
  }

  /** Disconnects a client; none there is as good. */
  async kick(clientId: string, signal: AbortSignal): Promise<void> {
    await this.#call('DELETE', `/clients/${encodeURIComponent(clientId)}`, signal, undefined, [404])
  }

  /** User names that may not connect. */
  async bannedUsernames(signal: AbortSignal): Promise<readonly string[]> {
    const bans = await this.#pages<{ readonly as: string; readonly who: string }>('/banned?', signal)
    return bans.filter(({ as }) => as === 'username').map(({ who }) => who)
  }

  /** Refuses a user name until then. Being banned before is as good. */
  async ban(username: string, until: Date, signal: AbortSignal): Promise<void> {
    const body = { as: 'username', who: username, by: 'pdvend', reason: 'credentials revoked', until: until.toISOString() }
    const answer = await this.#call('POST', '/banned', signal, body, [400])
    if (answer.status === 400 && !/already_?exists/i.test(answer.text))
      throw new PortError('INTERNAL', {
        adapter: 'oss-emq',
        operation: 'revoke',
        detail: `EMQX refuses a ban: ${answer.text.slice(0, 200)}`,
      })
  }

  async #pages<T>(path: string, signal: AbortSignal): Promise<readonly T[]> {
    const all: T[] = []
    for (let page = 1; ; page++) {
      const { text } = await this.#call('GET', `${path}page=${page}&limit=${PAGE}`, signal)
      const { data, meta } = JSON.parse(text) as Page<T>
      all.push(...data)
      if (meta.hasnext !== true) return all
    }
  }

  async #call(
    method: string,
    path: string,
    signal: AbortSignal,
    body?: object,
    alsoFine: readonly number[] = [],
  ): Promise<{ readonly status: number; readonly text: string }> {
    const place = { adapter: 'oss-emq', operation: `${method} ${path.split('?')[0]}` }
    let response: Response
    let text: string
    try {
      response = await fetch(`${this.url.replace(/\/$/, '')}/api/v5${path}`, {
        method,
        signal: AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS)]),
        headers: { authorization: this.#authorization, ...(body && { 'content-type': 'application/json' }) },
        ...(body && { body: JSON.stringify(body) }),
      })
      text = await response.text()
    } catch (cause) {
      signal.throwIfAborted()
      throw new PortError('UNAVAILABLE', { ...place, detail: "EMQX's API does not answer: check PDVEND_PUSH_API_URL", cause })
    }
    const { status } = response
    if (response.ok || alsoFine.includes(status)) return { status, text }
    if (status === 401 || status === 403)
      throw new PortError('UNAUTHENTICATED', { ...place, detail: "EMQX's API refuses PDVEND_PUSH_API_KEY or PDVEND_PUSH_API_SECRET" })
    if (status === 404)
      throw new PortError('CONFIG_INVALID', { ...place, detail: 'no EMQX API of version 5 is there: check PDVEND_PUSH_API_URL' })
    const code = status === 429 ? 'RATE_LIMITED' : status >= 500 ? 'UNAVAILABLE' : 'INTERNAL'
    throw new PortError(code, { ...place, detail: `EMQX's API answers ${status}: ${text.slice(0, 200)}` })
  }
}
