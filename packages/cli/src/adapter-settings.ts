import { type AnyAdapter, PortError, readSettings } from '@pdvend/ports'

/** The adapter's settings from an environment, for its `open`. @throws CONFIG_INVALID with every problem */
export async function settingsOf(adapter: AnyAdapter, env: Readonly<Record<string, string>>): Promise<never> {
  const read = await readSettings(adapter.config, env)
  if (read.problems === undefined) return read.settings as never
  const detail = read.problems.map(({ env: variable, got, wants }) => `${variable}: got ${got}; wants ${wants}`).join('; ')
  throw new PortError('CONFIG_INVALID', { adapter: adapter.name, operation: 'open', detail })
}
