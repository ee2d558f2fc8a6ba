// Imports the modules named on the command line and prints, as JSON, every file that was loaded for it.
// Runs in a process of its own, so that nothing else has been loaded before.
import { createRequire, register } from 'node:module'
import { pathToFileURL } from 'node:url'
import { MessageChannel } from 'node:worker_threads'

const HOOKS = `
  let port
  export function initialize(data) { port = data.port }
  export async function load(url, context, next) {
    port.postMessage(url)
    return next(url, context)
  }
`

const END = 'data:text/javascript,'

const { port1, port2 } = new MessageChannel()
const loaded = new Set()
// The hooks run in a thread of their own and their messages arrive in order: after END there is nothing to wait for.
const ended = new Promise((resolve) => port1.on('message', (url) => (url === END ? resolve() : loaded.add(url))))
register(`data:text/javascript,${encodeURIComponent(HOOKS)}`, { data: { port: port2 }, transferList: [port2] })

for (const entry of process.argv.slice(2)) await import(entry)
await import(END)
await ended
port1.close()

// What CommonJS modules require among themselves does not pass the hooks.
for (const file of Object.keys(createRequire(import.meta.url).cache)) loaded.add(pathToFileURL(file).href)
process.stdout.write(JSON.stringify([...loaded]), () => process.exit(0))
