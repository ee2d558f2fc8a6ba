import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { startEngine, whyMissing, type EngineName, type RunningEngine } from '../src/index.js'
import { isAlive } from '../src/process/process-table.js'

/** How a test talks to one kind of engine, by a client of its own. */
export interface Conversation {
  readonly name: EngineName
  readonly version?: string
  /** What it keeps: over `restart` and `kill` (the default), over `restart` for sure and over `kill` perhaps, or nothing. */
  readonly keeps?: 'everything' | 'in-order' | 'nothing'
  /** Stores something under the name; resolves when the engine has it, safe from `kill` where it keeps everything. */
  put(engine: RunningEngine, name: string): Promise<void>
  has(engine: RunningEngine, name: string): Promise<boolean>
}

/** What every launcher promises, proven with real requests. Skipped with the reason where this machine cannot have the engine. */
export async function describeEngine(conversation: Conversation): Promise<void> {
  const { name, version, keeps = 'everything', put, has } = conversation
  const options = { named: false, ...(version !== undefined && { version }) }
  const reason = await whyMissing(name, options)
  const title = version === undefined ? name : `${name} ${version}`
  if (reason !== undefined) {
    test.skip(`${title} (${reason})`, () => {})
    return
  }
  describe(title, () => {
    let engine: RunningEngine
    const first = `first-${randomUUID()}`
    const second = `second-${randomUUID()}`
    beforeAll(async () => {
      engine = await startEngine(name, options)
    }, 120_000)
    afterAll(() => engine?.stop(), 60_000)

    test('answers real requests', async () => {
      assert.equal(await has(engine, first), false)
      await put(engine, first)
      assert.equal(await has(engine, first), true)
    }, 60_000)

    test('restarts in order, on the same address', async () => {
      const { url, pid } = engine
      await engine.restart!()
      assert.equal(engine.url, url)
      assert.notEqual(engine.pid, pid)
      assert.equal(await has(engine, first), keeps !== 'nothing')
    }, 120_000)

    test('comes back from kill -9', async () => {
      await put(engine, second)
      const { pid } = engine
      await engine.kill!()
      assert.notEqual(engine.pid, pid)
      assert.equal(isAlive(pid!), false)
      const kept = await has(engine, second)
      if (keeps === 'everything') assert.equal(kept, true)
      if (keeps === 'nothing') assert.equal(kept, false)
    }, 120_000)

    test('answers nothing while it is paused, and all after', async () => {
      await put(engine, second)
      const resume = await engine.pause!()
      let answered = false
      const answer = has(engine, second).then((found) => ((answered = true), found))
      await new Promise((resolve) => setTimeout(resolve, 400))
      assert.equal(answered, false)
      await resume()
      assert.equal(await answer, true)
    }, 60_000)

    test('is empty after a wipe', async () => {
      const { url } = engine
      await engine.wipe!()
      assert.equal(engine.url, url)
      assert.equal(await has(engine, first), false)
      assert.equal(await has(engine, second), false)
      await put(engine, first)
    }, 120_000)

    test('leaves neither process nor folder when it is stopped', async () => {
      await engine.stop()
      await engine.stop()
      assert.equal(isAlive(engine.pid!), false)
      assert.equal(existsSync(engine.folder), false)
    }, 60_000)
  })
}
