import type { AnyAdapter } from '@pdvend/ports'
import type { ChildScript, ChildTask } from './child-process.js'

const [script, task] = process.argv.slice(2)
const { module, env, args } = JSON.parse(task!) as ChildTask
const { manifest } = (await import(module)) as { manifest: AnyAdapter }
const { run } = (await import(script!)) as { run: ChildScript }
// Nobody is left to hear of it.
const orphaned = (): never => process.exit(1)
process.once('disconnect', orphaned)
let told = Promise.resolve()
const send = (message: unknown): void => {
  told = new Promise((resolve) => process.send?.(message, () => resolve()))
}
await run({ manifest, env, args, send })
// Disconnecting drops what is still on its way.
await told
process.off('disconnect', orphaned)
process.disconnect?.()
