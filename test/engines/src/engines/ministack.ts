import { join } from 'node:path'
import type { Launcher } from '../launcher.js'
import { httpOk } from '../process/probe.js'
import { findCached } from '../provision/cache.js'
import { pipVenv } from '../provision/venv.js'

const ready = (port: number): Promise<boolean> => httpOk(`http://127.0.0.1:${port}/_ministack/ready`)

/**
 * AWS in one process: SQS, Firehose, S3, and an IoT data plane whose publishes reach devices on its MQTT endpoint. Keeps its state in
 * memory and writes it only when it ends in order, so `restart` keeps it and `kill` does not. Checks signatures.
 */
export const ministack: Launcher = {
  name: 'ministack',
  title: 'MiniStack',
  versions: ['1.5.33'],
  variable: 'PDVEND_TEST_MINISTACK',
  ports: 1,
  settings: (url) => ({
    AWS_ENDPOINT_URL: new URL(url).origin,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  }),
  find: (version) => findCached('ministack', version),
  provision: (version, report) => pipVenv({ name: 'ministack', version, distribution: 'ministack' }, report),
  async plan(home, { data, ports: [port] }) {
    return {
      url: `http://127.0.0.1:${port}`,
      command: join(home, 'venv/bin/python'),
      args: [join(home, 'venv/bin/ministack')],
      env: {
        GATEWAY_PORT: String(port),
        BIND_HOST: '127.0.0.1',
        MINISTACK_HOST: '127.0.0.1',
        // Its TLS listeners would bind every interface.
        IOT_MTLS_ENABLED: '0',
        SFTP_ENABLED: '0',
        PERSIST_STATE: '1',
        STATE_DIR: join(data, 'state'),
        S3_PERSIST: '1',
        S3_DATA_DIR: join(data, 's3'),
      },
      ready: () => ready(port!),
    }
  },
}
