import assert from 'node:assert/strict'
import { test } from '@jest/globals'
import { launchers } from '../src/index.js'
import { createArguments } from '../src/provision/docker.js'

const place = { version: '5.8.6', folder: '/tmp/run', data: '/tmp/run/data', ports: [20_001, 20_002, 20_003] }

test('a container publishes its ports on loopback alone and keeps its data in a volume of its name', () => {
  const contained = launchers.filter((launcher) => launcher.container !== undefined)
  assert.ok(contained.length >= 6)
  for (const { name, container, ports } of contained) {
    const own = { ...place, ports: place.ports.slice(0, ports) }
    const line = createArguments(container!, own, 'pdvend-one').join(' ')
    assert.equal([...line.matchAll(/--publish 127\.0\.0\.1:2000\d:\d+/g)].length, ports, name)
    assert.equal([...line.matchAll(/--publish/g)].length, ports, name)
    assert.ok(line.includes(`--volume pdvend-one:${container!.data} `), name)
    assert.ok(line.includes(` ${container!.image(place.version)}`), name)
    assert.ok(container!.url(own).includes('127.0.0.1:20001'), name)
  }
})

test('Kafka advertises the port that is published, in properties named as its image takes them', () => {
  const kafka = launchers.find(({ name }) => name === 'kafka')!
  const words = createArguments(kafka.container!, { ...place, version: '4.4.0', ports: [20_001, 20_002] }, 'pdvend-one')
  assert.ok(words.includes('KAFKA_ADVERTISED_LISTENERS=PLAINTEXT://127.0.0.1:20001'))
  assert.ok(words.includes('KAFKA_LISTENERS=PLAINTEXT://0.0.0.0:20001,CONTROLLER://127.0.0.1:20002'))
  assert.ok(words.includes('127.0.0.1:20001:20001'))
})
