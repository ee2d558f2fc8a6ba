import { join } from 'node:path'
import type { Launcher } from '../launcher.js'
import { findCached } from '../provision/cache.js'
import { goInstall } from '../provision/go-install.js'
import { s3Serves, s3Settings, s3Url } from './s3.js'

/** The community edition's last commit; upstream was archived in April 2026. */
const moduleVersions: Readonly<Record<string, string>> = { '2026-02-12': 'v0.0.0-20260212201848-7aac2a2c5b7c' }

const accessKey = 'pdvend-minio'
const secretKey = 'pdvend-minio-secret'
const ready = (port: number): Promise<boolean> => s3Serves(s3Url(port, accessKey, secretKey))
const environment = { MINIO_ROOT_USER: accessKey, MINIO_ROOT_PASSWORD: secretKey, MINIO_UPDATE: 'off', MINIO_CALLHOME_ENABLE: 'off' }

/** S3, the on-prem profile's first store. */
export const minio: Launcher = {
  name: 'minio',
  title: 'MinIO',
  versions: ['2026-02-12'],
  variable: 'PDVEND_TEST_MINIO',
  ports: 2,
  container: {
    image: () => 'quay.io/minio/minio:RELEASE.2025-09-07T16-13-09Z',
    data: '/data',
    ports: [9000, 9001],
    env: () => environment,
    args: () => ['server', '/data', '--console-address', ':9001'],
    url: ({ ports }) => s3Url(ports[0]!, accessKey, secretKey),
    ready: ({ ports }) => ready(ports[0]!),
  },
  settings: s3Settings,
  find: (version) => findCached('minio', version),
  provision: (version, report) =>
    goInstall({ name: 'minio', version, module: 'github.com/minio/minio', moduleVersion: moduleVersions[version]!, go: '1.24' }, report),
  async plan(home, { data, folder, ports: [port, console] }) {
    return {
      url: s3Url(port!, accessKey, secretKey),
      command: join(home, 'bin/minio'),
      args: ['server', '--quiet', '--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${console}`, data],
      env: { ...environment, HOME: folder },
      ready: () => ready(port!),
    }
  },
}
