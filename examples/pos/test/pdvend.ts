import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const PDVEND = fileURLToPath(new URL('../../../packages/cli/dist/bin.js', import.meta.url))
const POS = fileURLToPath(new URL('..', import.meta.url))

/** Runs `pdvend` in this folder, as a person does. */
export function pdvend(
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [PDVEND, ...args], { cwd: POS, env: { ...process.env, ...env } }, (_error, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    )
  })
}
