// npm run check: everything that can be said about the code without running it. What has not changed is not checked again.
import { turbo } from './turbo.mjs'

const CHECKS = ['lint', 'format:check', 'typecheck', 'unused', 'lock:check', 'docs:check']

const built = await turbo(['run', 'build', '--output-logs=errors-only'])
const checked = await turbo(['run', ...CHECKS, '--continue=always', '--output-logs=new-only'])
const bounded = await turbo(['boundaries'])
const failed = [built !== 0 && 'build', checked !== 0 && 'one of the checks above', bounded !== 0 && 'boundaries'].filter(Boolean)
console.log(failed.length === 0 ? 'check: all good' : `check: failed (${failed.join(', ')})`)
process.exitCode = failed.length === 0 ? 0 : 1
