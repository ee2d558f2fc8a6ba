import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, test } from '@jest/globals'
import { whyMissing } from '../src/index.js'
import { isAlive, processTree } from '../src/process/process-table.js'
import { runsRoot, sweep } from '../src/process/run-folder.js'

const index = new URL('../dist/index.js', import.meta.url).href

/** Another process that starts an engine, tells about it and waits. */
async function otherOwner(
  engine: string,
  then = 'setInterval(() => {}, 60_000)',
): Promise<{ owner: ChildProcess; pid: number; folder: string }> {
  const script = `
    import { startEngine } from ${JSON.stringify(index)}
    const engine = await startEngine(${JSON.stringify(engine)}, { named: false })
    console.log(JSON.stringify({ pid: engine.pid, folder: engine.folder }))
    ${then}`
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface(owner.stdout), 'line')) as [string]
  return { owner, ...(JSON.parse(line) as { pid: number; folder: string }) }
}

async function gone(holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + 20_000; !holds(); await new Promise((resolve) => setTimeout(resolve, 20))) {
    assert.ok(Date.now() < deadline, 'still there after 20 s')
  }
}

for (const name of ['postgres', 'mosquitto', 'redis'] as const) {
  const reason = await whyMissing(name, { named: false })
  describe(`an owner of ${name} that is killed -9${reason === undefined ? '' : ` (${reason})`}`, () => {
    const testHere = reason === undefined ? test : test.skip
    testHere(
      'leaves no process and no folder',
      async () => {
        const { owner, pid, folder } = await otherOwner(name)
        const tree = processTree(pid)
        assert.equal(isAlive(pid), true)
        owner.kill('SIGKILL')
        await gone(() => tree.every((each) => !isAlive(each)) && !existsSync(folder) && !existsSync(`${folder}.dead`))
      },
      60_000,
    )
  })
}

const redisHere = (await whyMissing('redis', { named: false })) === undefined ? test : test.skip
redisHere(
  'an owner that forgets its engine ends all the same, and leaves nothing',
  async () => {
    const { owner, pid, folder } = await otherOwner('redis', '')
    await gone(() => owner.exitCode === 0 && !isAlive(pid) && !existsSync(folder) && !existsSync(`${folder}.dead`))
  },
  60_000,
)

describe('sweep', () => {
  const makeRun = async (owner: string): Promise<{ folder: string; engine: ChildProcess }> => {
    await mkdir(runsRoot(), { recursive: true })
    const folder = await mkdtemp(join(runsRoot(), 'swept-'))
    const engine = spawn('sleep', ['600'], { cwd: folder, stdio: 'ignore' })
    await writeFile(join(folder, 'owner'), owner)
    await writeFile(join(folder, 'pid'), String(engine.pid))
    return { folder, engine }
  }

  test('ends what an owner left whose process is another one by now', async () => {
    const { folder, engine } = await makeRun(`${process.pid} long ago`)
    const ended = once(engine, 'exit')
    await sweep()
    await ended
    assert.equal(existsSync(folder), false)
  })

  test('touches no process that merely has the pid of an engine', async () => {
    const { folder, engine } = await makeRun('999999999 never')
    const other = spawn('sleep', ['600'], { stdio: 'ignore' })
    await writeFile(join(folder, 'pid'), String(other.pid))
    try {
      await sweep()
      assert.equal(existsSync(folder), false)
      assert.equal(isAlive(other.pid!), true)
    } finally {
      engine.kill('SIGKILL')
      other.kill('SIGKILL')
    }
  })

  test('lets alone what "up" left running, and removes it once it has ended', async () => {
    const { folder, engine } = await makeRun('background')
    await sweep()
    assert.equal(await readFile(join(folder, 'owner'), 'utf8'), 'background')
    const ended = once(engine, 'exit')
    engine.kill('SIGKILL')
    await ended
    await sweep()
    assert.equal(existsSync(folder), false)
  })
})

test('a start that fails names the engine, says what it wrote and leaves nothing', async () => {
  const { EngineProcess } = await import('../src/process/engine-process.js')
  const folder = await mkdtemp(join(tmpdir(), 'pdvend-failing-'))
  const place = { version: '1', folder, data: join(folder, 'data'), ports: [1] }
  const plan = { url: '', command: '/bin/sh', args: ['-c', 'echo no such disk >&2; exit 3'], ready: async () => false }
  const failing = new EngineProcess('Thing 1', plan, place)
  await assert.rejects(failing.start(), /Thing 1 ended with 3; it wrote:\nno such disk/)
  assert.equal(failing.ended, true)
  await rm(folder, { recursive: true })
})
