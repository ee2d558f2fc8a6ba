// Runs the code given and tells which packages were loaded by then: ES modules by a loader hook, CommonJS by its cache.
import { once } from 'node:events'
import { createRequire, register } from 'node:module'
import { MessageChannel } from 'node:worker_threads'

const hooks = `
  let port
  export const initialize = (data) => { port = data.port }
  export const load = (url, context, next) => { port.postMessage(url); return next(url, context) }`
const { port1, port2 } = new MessageChannel()
const urls = []
port1.on('message', (url) => urls.push(url))
register(`data:text/javascript,${encodeURIComponent(hooks)}`, { parentURL: import.meta.url, data: { port: port2 }, transferList: [port2] })

const [code, directory] = process.argv.slice(2)
const close = await (
  await import(`data:text/javascript,${encodeURIComponent(`export default async (load, directory) => { ${code} }`)}`)
).default((name) => import(name), directory)
// Messages come in order: once this one is here, all are.
const last = 'data:text/javascript,//last'
await import(last)
while (!urls.includes(last)) await once(port1, 'message')
const paths = [...urls, ...Object.keys(createRequire(import.meta.url)('node:module')._cache)]
const packages = paths.flatMap((path) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(path)?.[1] ?? [])
process.stdout.write(JSON.stringify([...new Set(packages)].sort()))
await close?.()
port1.close()
