/** What must be on disk when the process ends by `process.exit` or by an error that nobody caught. [T28] */
const spools = new Set<() => void>()

function onExit(): void {
  for (const write of spools) write()
}

/** Runs `write`, which must be synchronous, when the process ends; gives how to stop that. */
export function beforeExit(write: () => void): () => void {
  if (spools.size === 0) process.on('exit', onExit)
  spools.add(write)
  return () => {
    spools.delete(write)
    if (spools.size === 0) process.off('exit', onExit)
  }
}
