// Bundles the two pages into dist/web, with a hash of the contents in every name.
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('.', import.meta.url))
const out = join(root, 'dist/web')
const pages = ['till', 'office']

rmSync(out, { recursive: true, force: true })
mkdirSync(out, { recursive: true })
const { metafile } = await build({
  entryPoints: Object.fromEntries(pages.map((page) => [page, join(root, `web/${page}/main.tsx`)])),
  outdir: out,
  bundle: true,
  splitting: true,
  format: 'esm',
  minify: true,
  sourcemap: true,
  target: ['es2022', 'safari16'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  entryNames: '[name]-[hash]',
  chunkNames: 'shared-[hash]',
  metafile: true,
  logLevel: 'warning',
  absWorkingDir: root,
})

const names = Object.entries(metafile.outputs)
for (const page of pages) {
  const script = names.find(([, { entryPoint }]) => entryPoint === `web/${page}/main.tsx`)
  const style = script?.[1].cssBundle
  if (script === undefined || style === undefined) throw new Error(`no bundle for ${page}`)
  const html = readFileSync(join(root, `web/${page}.html`), 'utf8')
    .replace(`%${page}.js%`, basename(script[0]))
    .replace(`%${page}.css%`, basename(style))
  writeFileSync(join(out, `${page}.html`), html)
}
cpSync(join(root, 'web/icon.svg'), join(out, 'icon.svg'))
