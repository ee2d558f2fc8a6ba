import { createRequire } from 'node:module'

type Api = typeof import('@opentelemetry/api')

/** undefined = not looked for yet; null = not installed. */
let loaded: Api | null | undefined

/**
 * OpenTelemetry's API where the app has it: an optional peer, so it is looked up once and never required. Not for the
 * package's own types: they must compile for an app without it.
 */
export function openTelemetry(): Api | null {
  if (loaded !== undefined) return loaded
  try {
    loaded = createRequire(import.meta.url)('@opentelemetry/api') as Api
  } catch {
    loaded = null
  }
  return loaded
}
