import assert from 'node:assert/strict'
import type { PresenceFact } from '@pdvend/ports'
import {
  keepingStore,
  networkLinkTill,
  onlineTill,
  openApp,
  pushCase,
  range,
  statusOf,
  till,
  until,
  watchPresence,
  wrapping,
} from './kit.js'

const needs = ['credentials', 'presence'] as const

export const presence = [
  pushCase(
    'P34',
    'a device that connects is online; goodbye, a cut and silence each end in offline, within one and a half keep-alives',
    async (subject) => {
      const push = await openApp(subject, { env: { PDVEND_PUSH_KEEPALIVE_SECONDS: '1' } })
      const seen = watchPresence(subject, push)
      assert.equal((await push.presence.get('till-1')).state, 'offline')
      const first = await onlineTill(subject, push, 'till-1')
      await seen.when((all) => all.some(({ device, state }) => device === 'till-1' && state === 'online'))
      assert.equal((await push.presence.get('till-1')).state, 'online')
      await first.device.close()
      await seen.when((all) => all.some(({ device, state, reason }) => device === 'till-1' && state === 'offline' && reason === 'closed'))

      const cut = await networkLinkTill(subject, push, 'till-2')
      cut.link.down()
      await seen.when((all) => all.some(({ device, state, reason }) => device === 'till-2' && state === 'offline' && reason === 'lost'))
      await statusOf(cut.device, 'offline')

      const silent = await networkLinkTill(subject, push, 'till-3')
      silent.link.freeze()
      await seen.when(
        (all) => all.some(({ device, state, reason }) => device === 'till-3' && state === 'offline' && reason === 'lost'),
        // Mosquitto 2.0 looks for silent clients every five seconds.
        12_000,
      )
      assert.equal((await push.presence.get('till-3')).state, 'offline')
    },
    needs,
  ),
  pushCase(
    'P35',
    'a take-over by the same device never ends offline',
    async (subject) => {
      const push = await openApp(subject)
      const seen = watchPresence(subject, push)
      for (const round of range(1, 3)) {
        const one = await onlineTill(subject, push, `till-${round}`)
        const two = await onlineTill(subject, push, `till-${round}`)
        await statusOf(one.device, 'takenOver')
        await one.device.close()
        // Where the broker ends the former one without a word it comes once more before it is told, and takes over in turn.
        await statusOf(two.device, 'online')
      }
      await onlineTill(subject, push, 'last')
      await seen.when((all) => all.some(({ device, state }) => device === 'last' && state === 'online'))
      for (const round of range(1, 3)) {
        await until(
          () => push.presence.get(`till-${round}`),
          ({ state }) => state === 'online',
        )
        await seen.when((all) => all.findLast(({ device }) => device === `till-${round}`)?.state === 'online')
        assert.equal(seen.all.findLast(({ device }) => device === `till-${round}`)?.state, 'online')
      }
    },
    needs,
  ),
  pushCase(
    'P36',
    'events that come twice and out of order end in the same state, and nobody hears a repeat',
    async (subject) => {
      const facts: PresenceFact[] = []
      let tell: ((fact: PresenceFact) => void) | undefined
      const held = wrapping((driver) => ({
        watchPresence: (listener) => {
          tell = listener
          return driver.watchPresence((fact) => facts.push(fact))
        },
      }))
      const push = await openApp(subject, held)
      const seen = watchPresence(subject, push)
      const first = await onlineTill(subject, push, 'till-1')
      await first.device.close()
      await onlineTill(subject, push, 'till-1')
      await until(
        async () => facts.length,
        (count) => count >= 3,
      )
      for (const fact of [facts[2]!, facts[1]!, facts[0]!, facts[2]!, facts[1]!, facts[0]!, facts[2]!]) tell!(fact)
      await seen.count(1)
      tell!({ device: 'fence', version: 1, state: 'online', at: 0 })
      await seen.when((all) => all.some(({ device }) => device === 'fence'))
      assert.deepEqual(
        seen.all.map(({ device, state }) => `${device} ${state}`),
        ['till-1 online', 'fence online'],
      )
    },
    needs,
  ),
  pushCase(
    'P37',
    'after the engine was killed presence is right again: who came back is online, who did not is offline',
    async (subject) => {
      const push = await openApp(subject)
      const stays = await onlineTill(subject, push, 'stays')
      const leaves = await networkLinkTill(subject, push, 'leaves')
      leaves.link.down()
      await subject.engine.kill!()
      await until(
        () => push.presence.get('leaves'),
        ({ state }) => state === 'offline',
      )
      await statusOf(stays.device, 'online')
      await until(
        () => push.presence.get('stays'),
        ({ state }) => state === 'online',
      )
    },
    needs,
    ['kill'],
  ),
  pushCase(
    'P38',
    'many devices that come and go at once end in their exact states',
    async (subject) => {
      const push = await openApp(subject)
      const names = range(1, 30).map((n) => `till-${n}`)
      const devices = new Map(names.map((name) => [name, till(subject, push, name, { store: keepingStore() })]))
      await Promise.all([...devices.values()].map((device) => statusOf(device, 'online')))
      const flap = async (name: string, index: number): Promise<void> => {
        await devices.get(name)!.close()
        if (index % 3 === 0) return
        const again = till(subject, push, name)
        await statusOf(again, 'online')
        if (index % 3 === 1) await again.close()
      }
      await Promise.all(names.map(flap))
      const wanted = names.map((_, index) => (index % 3 === 2 ? 'online' : 'offline'))
      const states = (): Promise<string[]> => Promise.all(names.map(async (name) => (await push.presence.get(name)).state))
      assert.deepEqual(await until(states, (now) => now.join() === wanted.join()), wanted)
    },
    needs,
  ),
  pushCase(
    'P39',
    'broker clocks that differ by minutes do not change the result',
    async (subject) => {
      let skewMs = 120_000
      const skewed = wrapping((driver) => ({
        watchPresence: (listener) =>
          driver.watchPresence((fact) => {
            skewMs = -skewMs
            listener({ ...fact, at: fact.at + skewMs })
          }),
      }))
      const push = await openApp(subject, skewed)
      const seen = watchPresence(subject, push)
      for (const round of range(1, 2)) {
        const { device } = await onlineTill(subject, push, 'till-1')
        await seen.when((all) => all.filter(({ state }) => state === 'online').length === round)
        await device.close()
        await seen.when((all) => all.filter(({ state }) => state === 'offline').length === round)
      }
      assert.deepEqual(
        seen.all.map(({ state }) => state),
        ['online', 'offline', 'online', 'offline'],
      )
    },
    needs,
  ),
]
