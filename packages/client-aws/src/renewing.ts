/** What services say of a session that has ended. */
const EXPIRED: ReadonlySet<string> = new Set(['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired'])

/** What is used here of a client of the SDK. */
interface Client {
  readonly config: { readonly credentials: unknown }
  readonly middlewareStack: { readonly add: unknown }
}

type Next = (args: unknown) => Promise<unknown>

/**
 * The SDK keeps credentials until the time that came with them, also when a service refuses them earlier (seen with 3.1169). The
 * client fetches them anew then, once for all calls that were refused, so that the port's next try has them. Credentials that were
 * given and not fetched stay what they are. `alsoWhen`: refusals that a service gives without that name.
 */
export function renewing<C extends Client>(client: C, alsoWhen: (cause: unknown) => boolean = () => false): C {
  let renewal: Promise<unknown> | undefined
  const renew = (): Promise<unknown> => {
    const fetchAnew = client.config.credentials as (options: { readonly forceRefresh: boolean }) => Promise<unknown>
    renewal ??= fetchAnew({ forceRefresh: true })
      .catch(() => undefined)
      .finally(() => (renewal = undefined))
    return renewal
  }
  const stack = client.middlewareStack as { add(middleware: (next: Next) => Next, place: { step: string; name: string }): void }
  stack.add(
    (next) => async (args) => {
      try {
        return await next(args)
      } catch (cause) {
        if (EXPIRED.has((cause as Error).name) || alsoWhen(cause)) await renew()
        throw cause
      }
    },
    { step: 'initialize', name: 'pdvendRenewal' },
  )
  return client
}
