// Size of @pdvend/device in a browser: bundled and minified by esbuild, plain and gzipped; what of it is the MQTT client.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const folder = dirname(fileURLToPath(import.meta.url))

const whole = await bundle([])
const ours = await bundle(['mqtt'])
const size = {
  wholeBytes: whole.byteLength,
  wholeGzipBytes: gzipSync(whole).length,
  oursBytes: ours.byteLength,
  oursGzipBytes: gzipSync(ours).length,
}
console.table({ 'with mqtt.js': [size.wholeBytes, size.wholeGzipBytes], without: [size.oursBytes, size.oursGzipBytes] })

const file = join(folder, 'results/push.json')
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify({ ...existing(file), deviceSize: size }, null, 2)}\n`)

async function bundle(external) {
  const { outputFiles } = await build({
    stdin: { contents: `export { connectDevice, indexedDbStore } from '@pdvend/device'`, resolveDir: folder },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    external,
    write: false,
  })
  return outputFiles[0].contents
}

function existing(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return {}
  }
}
