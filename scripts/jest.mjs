// Runs Jest in the package's folder, with the ES modules support that Node keeps behind a flag. describeContract leaves its tallies
// where scripts/counts-reporter.mjs looks for them. PDVEND_TEST_AGAIN: the results are those of a second try, and stand apart.
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const jest = join(dirname(createRequire(import.meta.url).resolve('jest/package.json')), 'bin/jest.js')
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
const args = [jest, '--config', join(root, 'jest.config.mjs'), ...process.argv.slice(2)]
const env = { ...process.env, PDVEND_TEST_RESULTS: join(process.cwd(), '.test-results', process.env.PDVEND_TEST_AGAIN ? 'again' : '') }
process.exit(spawnSync(process.execPath, [...flags, ...args], { stdio: 'inherit', env }).status ?? 1)
