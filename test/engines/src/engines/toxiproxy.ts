import { join } from 'node:path'
import type { Launcher } from '../launcher.js'
import { httpOk } from '../process/probe.js'
import { findCached } from '../provision/cache.js'
import { goInstall } from '../provision/go-install.js'

const ready = (port: number): Promise<boolean> => httpOk(`http://127.0.0.1:${port}/version`)

/** Latency, cuts and resets between a client and any other engine; told what to do by its HTTP API at `url`. Its proxies are not kept over a restart. */
export const toxiproxy: Launcher = {
  name: 'toxiproxy',
  title: 'Toxiproxy',
  versions: ['2.12.0'],
  variable: 'PDVEND_TEST_TOXIPROXY',
  ports: 1,
  settings: () => ({}),
  find: (version) => findCached('toxiproxy', version),
  provision: (version, report) =>
    goInstall(
      {
        name: 'toxiproxy',
        version,
        module: 'github.com/Shopify/toxiproxy/v2',
        moduleVersion: `v${version}`,
        folder: 'cmd/server',
        go: '1.23',
      },
      report,
    ),
  async plan(home, { ports: [port] }) {
    return {
      url: `http://127.0.0.1:${port}`,
      command: join(home, 'bin/toxiproxy'),
      args: ['-host', '127.0.0.1', '-port', String(port)],
      env: { LOG_LEVEL: 'warn' },
      ready: () => ready(port!),
    }
  },
}
