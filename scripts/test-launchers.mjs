// npm run test:engines: starts, breaks and stops every engine for real, and closes with one line as npm test does.
// Arguments go to Jest: `npm run test:engines -- mosquitto`.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { closeTests, forgetResults } from './test-results.mjs'
import { workspaces } from './workspaces.mjs'

const launchers = workspaces().find(({ path }) => path === 'test/engines')
forgetResults(launchers)
const args = [fileURLToPath(new URL('jest.mjs', import.meta.url)), ...process.argv.slice(2)]
const { status } = spawnSync(process.execPath, args, { cwd: launchers.folder, stdio: 'inherit' })
closeTests([launchers], { broken: status !== 0 })
