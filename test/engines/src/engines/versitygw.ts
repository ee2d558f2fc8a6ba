import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Launcher } from '../launcher.js'
import { findCached } from '../provision/cache.js'
import { goInstall } from '../provision/go-install.js'
import { s3Serves, s3Settings, s3Url } from './s3.js'

const accessKey = 'pdvend-versity'
const secretKey = 'pdvend-versity-secret'
const environment = { ROOT_ACCESS_KEY: accessKey, ROOT_SECRET_KEY: secretKey }
const ready = (port: number): Promise<boolean> => s3Serves(s3Url(port, accessKey, secretKey))

/** S3 over a folder: the second store, with strict authentication and true conditional writes. Needs extended attributes on the disk. */
export const versitygw: Launcher = {
  name: 'versitygw',
  title: 'versitygw',
  versions: ['1.8.0'],
  variable: 'PDVEND_TEST_VERSITYGW',
  ports: 1,
  container: {
    image: (version) => `versity/versitygw:v${version}`,
    data: '/data',
    ports: [7070],
    env: () => environment,
    args: () => ['--port', ':7070', 'posix', '/data'],
    url: ({ ports }) => s3Url(ports[0]!, accessKey, secretKey),
    ready: ({ ports }) => ready(ports[0]!),
  },
  settings: s3Settings,
  find: (version) => findCached('versitygw', version),
  provision: (version, report) =>
    goInstall(
      {
        name: 'versitygw',
        version,
        module: 'github.com/versity/versitygw',
        moduleVersion: `v${version}`,
        folder: 'cmd/versitygw',
        go: '1.24',
      },
      report,
    ),
  async plan(home, { data, ports: [port] }) {
    const objects = join(data, 'objects')
    const versions = join(data, 'versions')
    return {
      url: s3Url(port!, accessKey, secretKey),
      command: join(home, 'bin/versitygw'),
      args: ['--quiet', '--port', `127.0.0.1:${port}`, 'posix', '--versioning-dir', versions, objects],
      env: environment,
      prepare: async () => void (await Promise.all([objects, versions].map((path) => mkdir(path, { recursive: true })))),
      ready: () => ready(port!),
    }
  },
}
