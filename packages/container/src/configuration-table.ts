import { type AnyAdapter, check, portNames, type Setting } from '@pdvend/ports'
import { overrideVariable } from './environment.js'
import { ownSettings } from './own-settings.js'
import type { Profiles } from './requires.js'

/** One environment variable, as an operator needs to know it. */
export interface VariableDoc {
  readonly variable: string
  /** Adapters that read it; none = the app itself. */
  readonly adapters: readonly string[]
  readonly required: boolean
  readonly secret: boolean
  readonly doc: string
  readonly example?: string
}

/**
 * Every variable that an app understands: its own first, then those of its adapters by name; one that means different things to
 * different adapters as often as that.
 */
export async function configurationTable(profiles: Profiles, adapters: readonly AnyAdapter[]): Promise<readonly VariableDoc[]> {
  const readers = new Map<string, { readonly setting: Setting; readonly names: Set<string> }>()
  for (const { name, config } of adapters)
    for (const setting of Object.values(config)) {
      const meaning = `${setting.env}\n${setting.doc}`
      const known = readers.get(meaning) ?? { setting, names: new Set() }
      readers.set(meaning, { ...known, names: known.names.add(name) })
    }
  const byName = [...readers.values()].sort((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1))
  return [
    profileDoc(profiles),
    ...portNames.map((port) => overrideDoc(port, adapters)),
    ...(await Promise.all(Object.values(ownSettings).map((setting) => settingDoc(setting, [])))),
    ...(await Promise.all(byName.map(({ setting, names }) => settingDoc(setting, [...names].sort())))),
  ]
}

function orderOf({ setting, names }: { readonly setting: Setting; readonly names: ReadonlySet<string> }): string {
  return [setting.env, ...[...names].sort()].join('\n')
}

function profileDoc(profiles: Profiles): VariableDoc {
  const names = Object.keys(profiles)
  const byDefault = names.includes('local') ? '; default local, and none when NODE_ENV is production' : ''
  return {
    variable: 'PDVEND_PROFILE',
    adapters: [],
    required: byDefault === '',
    secret: false,
    doc: `The app's home: ${names.join(', ')}${byDefault}`,
    example: names[0]!,
  }
}

function overrideDoc(port: (typeof portNames)[number], adapters: readonly AnyAdapter[]): VariableDoc {
  const names = adapters.filter((adapter) => adapter.port === port).map(({ name }) => name)
  const doc = `Another adapter for ${port} than the profile's: ${names.join(', ')}`
  return { variable: overrideVariable(port), adapters: [], required: false, secret: false, doc, example: names.at(-1)! }
}

async function settingDoc({ env, schema, secret, doc, example }: Setting, adapters: readonly string[]): Promise<VariableDoc> {
  const absent = await check(schema, undefined)
  return { variable: env, adapters, required: absent.issues !== undefined, secret, doc, ...(example === undefined ? {} : { example }) }
}

/** The table in Markdown. */
export function configurationMarkdown(table: readonly VariableDoc[]): string {
  const rows = table.map(({ variable, adapters, required, secret, doc, example }) => {
    const notes = `${doc}${secret ? ' (secret)' : ''}`.replaceAll('|', '\\|')
    const cells = [
      `\`${variable}\``,
      adapters.join(', ') || 'the app',
      required ? 'yes' : 'no',
      notes,
      example === undefined ? '' : `\`${example.replaceAll('|', '\\|')}\``,
    ]
    return `| ${cells.join(' | ')} |`
  })
  return ['| variable | read by | required | meaning | example |', '| --- | --- | --- | --- | --- |', ...rows, ''].join('\n')
}
