import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from '@jest/globals'
import { launchers } from '../src/index.js'

const compose = readFileSync(new URL('../../../compose.yaml', import.meta.url), 'utf8')
const place = { version: '', folder: '/tmp/run', data: '/tmp/run/data', ports: [20_001, 20_002, 20_003] }

/** Settings of one service: its lines, up to the next of the same depth. */
function service(name: string): string {
  const found = new RegExp(`^  ${name}:\\n(?:(?:    .*)?\\n)+`, 'm').exec(compose)
  assert.ok(found, `no service ${name} in compose.yaml`)
  return found[0]
}

test('compose.yaml has each engine that has a container, in the version that is tested', () => {
  for (const { name, container, versions } of launchers) {
    if (container === undefined) continue
    const text = service(name)
    assert.ok(text.includes(`image: ${container.image(versions[0])}\n`), `${name}: ${container.image(versions[0])}`)
    for (const inside of container.ports ?? [])
      assert.match(text, new RegExp(`'127\\.0\\.0\\.1:\\d+:${inside}'`), `${name}: port ${inside}`)
  }
  assert.doesNotMatch(compose, /ports: \[.*'\d+:/, 'every port is on loopback alone')
})

test('the environment at its top is what the launchers would give, at its own addresses', () => {
  const told = [...compose.matchAll(/(PDVEND_\w+)=(\S+)/g)].map(([, name, value]) => ({ name, value: value!.replace(/:\d{4,5}\b/, '') }))
  const wanted = (name: string): Readonly<Record<string, string>> => {
    const launcher = launchers.find((each) => each.name === name)!
    return launcher.settings(launcher.container!.url({ ...place, version: launcher.versions[0] }))
  }
  for (const name of ['minio', 'kafka', 'postgres', 'emqx']) {
    for (const [variable, value] of Object.entries(wanted(name))) {
      if (/^PDVEND_(BLOB_(REGION|PATH_STYLE)|WAREHOUSE_URL)$/.test(variable)) continue // defaults, or another package's
      const got = told.filter((each) => each.name === variable).map((each) => each.value)
      assert.ok(got.includes(value.replace(/:2000\d\b/, '')), `${variable}: ${got.join(' or ')} in compose.yaml, ${value} here`)
    }
  }
})
