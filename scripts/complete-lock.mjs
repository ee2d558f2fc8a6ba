// Completes package-lock.json after an `npm install`.
//
// npm leaves an optional dependency out of the lock when the registry in use does not serve it (a mirror without the
// builds for other systems, say), and `npm ci` of npm 11 then refuses the lock: "Missing: @turbo/darwin-64 from lock
// file". This script writes the missing entries, so that one lock installs on every system. Entries made here have no
// integrity hash; an install on the system that they are for fills it in.
//
//   node scripts/complete-lock.mjs           writes the lock
//   node scripts/complete-lock.mjs --check   changes nothing, exits with 1 when the lock is not complete
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SYSTEMS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32']
const PROCESSORS = ['arm64', 'arm', 'x64', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32']
const SYNONYMS = { windows: 'win32', mac: 'darwin', macos: 'darwin', 64: 'x64', amd64: 'x64', aarch64: 'arm64', armhf: 'arm' }

const file = join(dirname(dirname(fileURLToPath(import.meta.url))), 'package-lock.json')
const before = readFileSync(file, 'utf8')
const lock = JSON.parse(before)
const added = complete(lock.packages)
const stripped = dropAddresses(lock.packages)
lock.packages = sorted(lock.packages)
const after = `${JSON.stringify(lock, null, 2)}\n`

if (process.argv.includes('--check')) {
  if (before === after) process.exit(0)
  console.error(`package-lock.json is not complete (${added.length} missing, ${stripped} addresses): run node scripts/complete-lock.mjs`)
  process.exit(1)
}
if (before !== after) writeFileSync(file, after)
console.log(`package-lock.json: ${added.length} entries added, ${stripped} registry addresses removed`)

/** Adds what an entry names in `optionalDependencies` and the lock does not hold; returns the places added. */
function complete(packages) {
  const places = []
  for (const [parent, entry] of Object.entries(packages)) {
    for (const [name, range] of Object.entries(entry.optionalDependencies ?? {})) {
      const version = exact(name, range, entry.version)
      const present = found(packages, parent, name)
      if (present && (present.integrity || present.version === version)) continue
      const place = present ? `${parent}/node_modules/${name}` : `node_modules/${name}`
      packages[place] = { version, ...flags(entry), ...platform(name) }
      places.push(place)
    }
  }
  return places
}

/** What Node would find under `name` from the folder `parent`: beside it, or in any folder above. */
function found(packages, parent, name) {
  const folders = parent.split('/node_modules/').map((_, depth, parts) => `${parts.slice(0, depth + 1).join('/node_modules/')}/`)
  return ['', ...folders]
    .reverse()
    .map((folder) => packages[`${folder}node_modules/${name}`])
    .find(Boolean)
}

function exact(name, range, parentVersion) {
  const version = /^[~^]?(\d+\.\d+\.\d+(?:[-+].*)?)$/.exec(range)?.[1] ?? parentVersion
  if (!version) throw new Error(`no version to lock for ${name}@${range}`)
  return version
}

function flags(parent) {
  return { ...(parent.dev ? { dev: true } : {}), ...(parent.peer ? { peer: true } : {}), optional: true }
}

/** Native builds name their target at the end: `turbo-darwin-64`, `core-linux-arm64-gnu`. */
function platform(name) {
  const words = name.split(/[/\-_.]/).map((word) => SYNONYMS[word] ?? word)
  const os = words.filter((word) => SYSTEMS.includes(word))
  const cpu = words.filter((word) => PROCESSORS.includes(word))
  const libc = words.includes('musl') ? ['musl'] : words.includes('gnu') && os.includes('linux') ? ['glibc'] : undefined
  return { ...(cpu.length ? { cpu } : {}), ...(os.length ? { os } : {}), ...(libc ? { libc } : {}) }
}

/** The lock must install from any registry: the integrity hash says what a package is, an address only where it was. */
function dropAddresses(packages) {
  let count = 0
  for (const entry of Object.values(packages)) {
    if (entry.link || !entry.resolved) continue
    delete entry.resolved
    count++
  }
  return count
}

function sorted(packages) {
  return Object.fromEntries(Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en')))
}
