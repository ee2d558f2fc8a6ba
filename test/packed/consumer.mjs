// A stranger's app as an ES module.
import { defineApp } from '@pdvend/container'
import { local } from '@pdvend/local'
import { BlobStorage, PortError } from '@pdvend/ports'

const running = await defineApp({ profiles: { local } }).start(process.env)
const blobs = running.container.get(BlobStorage)
await blobs.put('notas/ação.txt', 'olá')
const text = await (await blobs.get('notas/ação.txt')).text()
const missing = await blobs.get('nothing').catch((error) => PortError.is(error, 'NOT_FOUND'))
await running.close()
console.log(JSON.stringify({ text, missing }))
