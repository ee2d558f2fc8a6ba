// A stranger's app that still uses require.
const { defineApp } = require('@pdvend/container')
const { local } = require('@pdvend/local')
const { BlobStorage, PortError } = require('@pdvend/ports')

main()

async function main() {
  const running = await defineApp({ profiles: { local } }).start(process.env)
  const blobs = running.container.get(BlobStorage)
  await blobs.put('notas/ação.txt', 'olá')
  const text = await (await blobs.get('notas/ação.txt')).text()
  const missing = await blobs.get('nothing').catch((error) => PortError.is(error, 'NOT_FOUND'))
  await running.close()
  console.log(JSON.stringify({ text, missing }))
}
