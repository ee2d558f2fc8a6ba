import { wantedEngines } from './choice.js'
import { provide } from './launch.js'
import type { Report } from './launcher.js'

/**
 * Provisions what the tests want, one after another, so that they find it in the cache and no build takes the machine from them.
 * Never throws for what this machine cannot have.
 * @returns The reason for each that is missing, by `name@version`: the value of `PDVEND_TEST_MISSING_ENGINES` for the tests.
 * @throws Error where `PDVEND_TEST_ENGINES` names what there is not
 */
export async function provisionWanted(report: Report): Promise<Readonly<Record<string, string>>> {
  const missing: Record<string, string> = {}
  for (const { launcher, version } of wantedEngines()) {
    const fail = (error: unknown): void => {
      missing[`${launcher.name}@${version}`] = error instanceof Error ? error.message : String(error)
    }
    await provide(launcher, version, report, true).catch(fail)
  }
  return missing
}
