import { shapeOf } from './errors.js'
import { check, issuesText, type OutputOf, type StandardSchema } from './schema.js'

/** A value that must never be shown: it prints, serialises and inspects as `[secret]`. */
export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  /** The value itself; call it at the last moment, where the vendor's client is made. */
  reveal(): string {
    return this.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[secret]'
  }
}

/** What the operator reads about a setting. */
export interface SettingDoc {
  /** One sentence: what it is, with unit and default. */
  readonly doc: string
  /** A value that would work. */
  readonly example?: string
}

/** One setting: its environment variable, the schema of its text and its documentation. */
export interface Setting<S extends StandardSchema = StandardSchema> extends SettingDoc {
  /** Full name of the variable, e.g. `PDVEND_BLOB_BUCKET`. */
  readonly env: string
  /** Gets the variable's text, or undefined where it is not set; it decides about defaults. */
  readonly schema: S
  /** A secret is masked in every message. */
  readonly secret: boolean
}

/** The settings of one adapter, by the names that its code uses. */
export type SettingsShape = Readonly<Record<string, Setting>>

/** What `open` receives for a settings shape. */
export type SettingsOf<Shape extends SettingsShape> = { readonly [K in keyof Shape]: OutputOf<Shape[K]['schema']> }

/**
 * A setting read from `PDVEND_<name>`. The schema gets text: use coercing schemas for numbers (`z.coerce.number().int()`)
 * and `z.stringbool()` for yes and no. Absent and without a default = a configuration error that names it.
 */
export function env<S extends StandardSchema>(name: string, schema: S, doc: SettingDoc): Setting<S> {
  return { env: `PDVEND_${name}`, schema, secret: false, ...doc }
}

/** A secret setting: arrives as a {@link Secret}, or undefined where it is not set (then the vendor's own chain decides). */
export function secret(name: string, doc: SettingDoc): Setting<StandardSchema<unknown, Secret | undefined>> {
  return { env: `PDVEND_${name}`, schema: secretSchema, secret: true, ...doc }
}

const secretSchema: StandardSchema<unknown, Secret | undefined> = {
  '~standard': {
    version: 1,
    vendor: 'pdvend',
    validate: (value) => ({ value: value === undefined ? undefined : new Secret(String(value)) }),
  },
}

/** One thing that is wrong with the environment. */
export interface SettingProblem {
  readonly env: string
  /** What the variable holds; a secret is masked. */
  readonly got: string
  /** What is wanted, and an example where there is one. */
  readonly wants: string
}

/** What an environment gives for a settings shape: the values, or every problem at once. */
export type ReadSettings<Shape extends SettingsShape> =
  { readonly settings: SettingsOf<Shape>; readonly problems?: undefined } | { readonly problems: readonly SettingProblem[] }

/** Reads and validates one adapter's settings. An empty variable is a problem, never a default in silence. */
export async function readSettings<Shape extends SettingsShape>(
  shape: Shape,
  source: Readonly<Record<string, string | undefined>>,
): Promise<ReadSettings<Shape>> {
  const problems: SettingProblem[] = []
  const values: Record<string, unknown> = {}
  for (const [name, setting] of Object.entries(shape)) {
    const text = source[setting.env]
    const wants = `${setting.doc}${setting.example === undefined ? '' : ` (e.g. ${setting.example})`}`
    if (text === '') {
      problems.push({ env: setting.env, got: 'an empty value', wants: `unset it or give a value: ${wants}` })
      continue
    }
    const result = await check(setting.schema, text)
    if (result.issues === undefined) values[name] = result.value
    else {
      const got = text === undefined ? 'nothing' : setting.secret ? '[secret]' : shapeOf(text)
      // Of what is not there, a validator has nothing to say that helps.
      problems.push({ env: setting.env, got, wants: text === undefined ? wants : `${issuesText(result.issues)}: ${wants}` })
    }
  }
  return problems.length > 0 ? { problems } : { settings: values as SettingsOf<Shape> }
}
