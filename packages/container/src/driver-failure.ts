import { type AnyAdapter, type PortErrorDetails, PortError } from '@pdvend/ports'
import { overrideVariable } from './environment.js'
import { configError } from './problems.js'
import type { Redactor } from './redact.js'

/** Why an adapter did not open, or could not plan, in words that say what to set, install or start. */
export function adapterFailure(adapter: AnyAdapter, operation: 'open' | 'provision', cause: unknown, redact: Redactor): PortError {
  const missing = missingPackage(cause)
  if (missing !== undefined) {
    const wants = `the package ${missing} to be installed: npm install ${missing}`
    return configError([
      { variable: overrideVariable(adapter.port), got: `adapter ${adapter.name}, whose package ${missing} is missing`, wants },
    ])
  }
  const place: PortErrorDetails = { adapter: adapter.name, operation }
  const error = PortError.is(cause) ? cause.with(place) : new PortError('INTERNAL', { ...place, cause })
  return redact.error(error.with({ detail: withSettings(error, adapter) }))
}

/** A bare specifier's package; a path, a URL or a drive letter has none. */
const PACKAGE = /^(?:@[\w.~-]+\/)?[\w~-][\w.~-]*(?=\/|$)/

/** The package that an import did not find: Node's own error for `import` and for `require`. */
function missingPackage(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    const { code } = at as NodeJS.ErrnoException
    if (code !== 'ERR_MODULE_NOT_FOUND' && code !== 'MODULE_NOT_FOUND') continue
    const specifier = /Cannot find (?:package|module) '([^']+)'/.exec(at.message)?.[1] ?? ''
    const name = PACKAGE.exec(specifier)?.[0]
    if (name !== undefined) return name
  }
  return undefined
}

/** The engine's own words, and the variables to look at where they name none and rights are not what lacks. */
function withSettings({ code, detail, cause }: PortError, { config }: AnyAdapter): string {
  const said = detail ?? (cause instanceof Error ? cause.message : 'it did not open')
  if (code === 'PERMISSION_DENIED') return said
  const variables = Object.values(config).map(({ env }) => env)
  if (variables.length === 0 || variables.some((name) => said.includes(name))) return said
  return `${said}; check ${variables.join(', ')}`
}
