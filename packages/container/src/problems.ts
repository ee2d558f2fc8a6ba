import { PortError } from '@pdvend/ports'

/** One thing that is wrong with the environment. */
export interface ConfigProblem {
  /** E.g. `PDVEND_PROFILE`. */
  readonly variable: string
  /** What it holds, secrets masked. */
  readonly got: string
  /** What would be right, with an example where there is one. */
  readonly wants: string
  /** The right name or value that was most likely meant. */
  readonly nearest?: string
}

/** CONFIG_INVALID with every problem that was found, not only the first. */
export type ConfigError = PortError & { readonly problems: readonly ConfigProblem[] }

/** Is it the container's CONFIG_INVALID, with its list of problems? */
export function isConfigError(error: unknown): error is ConfigError {
  return PortError.is(error, 'CONFIG_INVALID') && 'problems' in error
}

/** One error for all problems; its message has a line for each. */
export function configError(problems: readonly ConfigProblem[], cause?: unknown): ConfigError {
  const head = problems.length === 1 ? 'one problem' : `${problems.length} problems`
  const detail = [head, ...problems.map((problem) => `  ${problemText(problem)}`)].join('\n')
  const error = new PortError('CONFIG_INVALID', { adapter: 'container', operation: 'start', detail, cause })
  return Object.assign(error, { problems })
}

/** `PDVEND_PROFILE: got "aw"; wants one of aws, local; did you mean aws?` */
export function problemText({ variable, got, wants, nearest }: ConfigProblem): string {
  return `${variable}: got ${got}; wants ${wants}${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
}
