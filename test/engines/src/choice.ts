import { launchers } from './catalog.js'
import type { EngineName, Launcher } from './launcher.js'

/** What the tests of this repository's adapters run on, cheapest to provision first. */
const testedEngines = [
  'mosquitto',
  'postgres',
  'ministack',
  'elasticmq',
  'kafka@4.4.0',
  'kafka@4.2.2',
  'kafka@3.9.2',
  'hivemq',
  'toxiproxy',
  'versitygw',
  'minio',
] as const

interface Wanted {
  readonly launcher: Launcher
  readonly version: string
}

/**
 * The engines that `npm test` provisions before it starts: what `PDVEND_TEST_ENGINES` names, else all that the tests use.
 * @throws Error for a name or a version that there is not
 */
export function wantedEngines(choice: string | undefined = process.env['PDVEND_TEST_ENGINES']): readonly Wanted[] {
  if (choice === 'none') return []
  const words = choice === undefined ? testedEngines : choice.split(',').map((word) => word.trim())
  return words.flatMap((word) => {
    const [name, version] = word.split('@')
    const launcher = launchers.find((each) => each.name === name)
    if (launcher === undefined || (version !== undefined && !launcher.versions.includes(version)))
      throw new Error(
        `PDVEND_TEST_ENGINES: there is no engine ${JSON.stringify(word)}; give none, or some of ${launchers.map((each) => `${each.name}@${each.versions.join('|')}`).join(', ')}`,
      )
    const versions = version === undefined ? launcher.versions : [version]
    return versions.map((each) => ({ launcher, version: each }))
  })
}

/** A name without a version stands for all versions of the engine. */
export function isChosen(name: EngineName, version: string): boolean {
  const choice = process.env['PDVEND_TEST_ENGINES']
  if (choice === undefined) return true
  return choice.split(',').some((word) => word.trim() === name || word.trim() === `${name}@${version}`)
}

/** Why `npm test` could not provision it, told in `PDVEND_TEST_MISSING_ENGINES`: not to be tried again by each test file. */
export function knownMissing(name: EngineName, version: string): string | undefined {
  const told = process.env['PDVEND_TEST_MISSING_ENGINES']
  return told === undefined ? undefined : (JSON.parse(told) as Readonly<Record<string, string>>)[`${name}@${version}`]
}
