// An HTTP server that reads and forgets; tells its port on standard output.
import { createServer } from 'node:http'

const server = createServer((request, response) => {
  request.resume().on('end', () => response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}'))
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`))
