import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { checkedDevice, checkedGroup } from '@pdvend/ports'
import { clientIdOf, deviceOf, grantsOf, inboundFilters, parseTopic, presenceTopic, topicOf, upTopic } from '../src/topics.js'

const name = fc.stringMatching(/^[A-Za-z0-9](?:[A-Za-z0-9._:-]{0,62}[A-Za-z0-9])?$/)
const ns = fc.stringMatching(/^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,30}[A-Za-z0-9])?$/)

describe('topics', () => {
  test('each stays within seven levels and 256 bytes, without wildcard or leading $, and differs from every other', () => {
    fc.assert(
      fc.property(ns, name, name, (space, device, group) => {
        checkedDevice(device)
        checkedGroup(group)
        const topics = [
          topicOf(space, { device }),
          topicOf(space, { group }),
          topicOf(space, { all: true }),
          presenceTopic(space, device),
          `${upTopic(space, device)}/app`,
          `${upTopic(space, device)}/${group}`,
        ]
        expect(new Set(topics).size).toBe(group === 'app' ? 5 : 6)
        for (const topic of topics) {
          expect(topic).not.toMatch(/[+#$]/)
          expect(topic.split('/').length).toBeLessThanOrEqual(7)
          expect(Buffer.byteLength(topic)).toBeLessThanOrEqual(256)
        }
      }),
    )
  })

  test('what a device sends is read back, and nothing of another namespace', () => {
    fc.assert(
      fc.property(ns, ns, name, name, (space, other, device, instance) => {
        expect(parseTopic(space, `${upTopic(space, device)}/${instance}`)).toEqual({ kind: 'up', name: device, to: instance })
        expect(parseTopic(space, presenceTopic(space, device))).toEqual({ kind: 'presence', name: device })
        if (other !== space) expect(parseTopic(space, presenceTopic(other, device))).toBeUndefined()
      }),
    )
    for (const topic of ['', 'pdv', 'pdv/ns/up/till', 'pdv/ns/up//app', 'pdv/ns/up/till/app/more', 'pdv/ns/constructor/x', '$SYS/x'])
      expect(parseTopic('ns', topic)).toBeUndefined()
  })

  test('a client id names its device, in its namespace alone', () => {
    fc.assert(
      fc.property(ns, ns, name, (space, other, device) => {
        expect(deviceOf(space, clientIdOf(space, device))).toBe(device)
        if (other !== space) expect(deviceOf(other, clientIdOf(space, device))).toBeUndefined()
        expect(clientIdOf(space, device)).not.toMatch(/[/+#]/)
      }),
    )
    for (const id of ['app~ns~x', 'device~ns', 'device~ns~', 'device~ns~a~b']) expect(deviceOf('ns', id)).toBeUndefined()
  })

  test('a device is granted its own topics, its groups’ and all', () => {
    expect(grantsOf('ns', 'till-1', ['front'])).toEqual({
      subscribe: ['pdv/ns/d/till-1', 'pdv/ns/g/front', 'pdv/ns/all'],
      publish: ['pdv/ns/up/till-1/+', 'pdv/ns/presence/till-1'],
    })
    expect(inboundFilters('ns', 'one')).toEqual(['$share/pdv-ns/pdv/ns/up/+/app', 'pdv/ns/up/+/one'])
  })
})
