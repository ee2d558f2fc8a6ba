import assert from 'node:assert/strict'
import { collect, fence, note, onlineTill, openApp, publishNotes, pushCase, till } from './kit.js'

const needs = ['credentials', 'journal'] as const

export const retained = [
  pushCase(
    'P28',
    'a retained message: a device that comes for the first time gets the last value of each key, once',
    async (subject) => {
      const push = await openApp(subject)
      for (const n of [1, 2, 3]) await push.publish({ group: 'front' }, note, { n }, { retain: true, replaceKey: 'sku-1' })
      await push.publish({ group: 'front' }, note, { n: 10 }, { retain: true, replaceKey: 'sku-2' })
      await push.publish({ all: true }, note, { n: 20 }, { retain: true })
      await publishNotes(push, { group: 'front' }, [99])
      const { device, notes, fences } = await onlineTill(subject, push, 'new', { groups: ['front'] })
      await push.publish({ device: 'new' }, fence, { n: 0 })
      await fences.count(1)
      assert.deepEqual(notes.all, [3, 10, 20])
      await device.close()
    },
    needs,
  ),
  pushCase(
    'P29',
    'of updates of one key while the device is offline only the newest arrives; other keys and names are not touched',
    async (subject) => {
      const push = await openApp(subject)
      const { device } = await onlineTill(subject, push, 'till-1')
      await device.close()
      for (const n of [1, 2, 3, 4]) await push.publish({ device: 'till-1' }, note, { n }, { replaceKey: 'sku-1' })
      await push.publish({ device: 'till-1' }, note, { n: 50 }, { replaceKey: 'sku-2' })
      await publishNotes(push, { device: 'till-1' }, [60])
      await push.publish({ device: 'till-1' }, fence, { n: 0 }, { replaceKey: 'sku-1' })
      await push.publish({ device: 'till-1' }, note, { n: 5 }, { replaceKey: 'sku-1' })
      const again = collect(till(subject, push, 'till-1'))
      await again.notes.has(5)
      assert.deepEqual(again.notes.all, [50, 60, 5])
      assert.deepEqual(again.fences.all, [0])
    },
    needs,
  ),
  pushCase(
    'P33',
    'retained state survives a broker that lost everything it held',
    async (subject) => {
      const push = await openApp(subject)
      await push.publish({ group: 'front' }, note, { n: 7 }, { retain: true, replaceKey: 'sku-1' })
      await (subject.engine.wipe ?? subject.engine.kill)!()
      const { notes } = await onlineTill(subject, push, 'new', { groups: ['front'] })
      await notes.count(1)
      assert.deepEqual(notes.all, [7])
    },
    needs,
    ['kill'],
  ),
]
