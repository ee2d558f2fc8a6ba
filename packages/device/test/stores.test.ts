import assert from 'node:assert/strict'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { IDBFactory } from 'fake-indexeddb'
import { indexedDbStore } from '../src/indexed-db-store.js'
import { Memory } from '../src/memory.js'
import { fileStore } from '../src/node.js'
import type { DeviceStore } from '../src/store.js'

let directory: string
let files = 0
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'pdvend-device-'))
  Object.assign(globalThis, { indexedDB: new IDBFactory() })
})
afterAll(async () => {
  Reflect.deleteProperty(globalThis, 'indexedDB')
  await rm(directory, { recursive: true, force: true })
})

/** Values that were cloned by a store come from another realm under Jest: only their content is compared. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const kinds: readonly [string, (name: string) => DeviceStore][] = [
  ['IndexedDB', (name) => indexedDbStore(name)],
  ['a file', (name) => fileStore(join(directory, 'deep', name))],
]

describe.each(kinds)('a device store in %s', (_kind, make) => {
  test('gives back after a restart what was written, deletions too', async () => {
    const name = `state-${files++}`
    const store = make(name)
    assert.deepEqual([...(await store.load())], [])
    await store.write(
      new Map<string, unknown>([
        ['progress', { journal: 'j', cursors: { 'device:a': 3 } }],
        ['seen/1', 5],
        ['seen/ção 🛒', 6],
      ]),
    )
    await store.write(
      new Map<string, unknown>([
        ['seen/1', undefined],
        ['seen/2', 7],
      ]),
    )
    await store.close()
    const again = make(name)
    const kept = await again.load()
    assert.deepEqual(plain([...kept].sort(([left], [right]) => (left < right ? -1 : 1))), [
      ['progress', { journal: 'j', cursors: { 'device:a': 3 } }],
      ['seen/2', 7],
      ['seen/ção 🛒', 6],
    ])
    await again.close()
  })

  test('is what a device remembers by: progress, handled ids, answers, what it has to send', async () => {
    const name = `state-${files++}`
    const memory = await Memory.open(make(name))
    await memory.done({ journal: 'j', cursors: { all: 9 } }, { id: 'm1', until: 100 })
    await memory.answered('r1', { expiresAt: 50, frame: { kind: 'answer', id: 'r1' }, body: '{}' }, 0)
    await memory.answered('r2', { expiresAt: 150, frame: { kind: 'answer', id: 'r2' } }, 100)
    await memory.toSend({ id: 'u1', expiresAt: 10, body: '{"a":1}' })
    await memory.toSend({ id: 'u2', expiresAt: 10, body: '{"a":2}' })
    await memory.sent('u1')
    await memory.close()
    const again = await Memory.open(make(name))
    assert.deepEqual(plain(again.progress), { journal: 'j', cursors: { all: 9 } })
    assert.deepEqual([...again.seen], [['m1', 100]])
    assert.deepEqual([...again.answers.keys()], ['r2'], 'an answer nobody can ask for again is forgotten')
    assert.deepEqual([...again.unsent.keys()], ['u2'])
    await again.close()
  })

  test('handled ids stay bounded', async () => {
    const name = `state-${files++}`
    const memory = await Memory.open(make(name))
    for (let n = 0; n < 10_050; n++) await memory.done(undefined, { id: `m${n}`, until: n })
    assert.equal(memory.seen.size, 10_000)
    await memory.close()
    const again = await Memory.open(make(name))
    assert.equal(again.seen.size, 10_000)
    assert.equal(again.seen.has('m49'), false)
    assert.equal(again.seen.has('m10049'), true)
    await again.close()
  }, 60_000)
})

describe('a device store in a file', () => {
  test('a line that a crash cut off is no write; what came before stays', async () => {
    const file = join(directory, 'torn')
    const store = fileStore(file)
    await store.load()
    await store.write(new Map([['seen/1', 1]]))
    await store.close()
    await appendFile(file, '[["seen/2",2],["see')
    const again = fileStore(file)
    assert.deepEqual([...(await again.load())], [['seen/1', 1]])
    await again.write(new Map([['seen/3', 3]]))
    await again.close()
    assert.deepEqual([...(await fileStore(file).load()).keys()].sort(), ['seen/1', 'seen/3'])
  })

  test('it is rewritten before it grows without end', async () => {
    const file = join(directory, 'long')
    const store = fileStore(file)
    await store.load()
    for (let n = 0; n < 12_000; n++) await store.write(new Map([['progress', n]]))
    await store.close()
    assert.ok((await readFile(file, 'utf8')).split('\n').length < 6_000)
    assert.deepEqual([...(await fileStore(file).load())], [['progress', 11_999]])
  })
})
