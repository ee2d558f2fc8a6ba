import { join } from 'node:path'
import { EngineMissing, type Launcher } from '../launcher.js'
import { exchange } from '../process/probe.js'
import { aptUnpack, isAtLeast, libraryPath, versionOf } from '../provision/apt.js'
import { findCached } from '../provision/cache.js'
import { findTool } from '../provision/command.js'

const password = 'pdvend-redis'
const url = (port: number): string => `redis://:${password}@127.0.0.1:${port}`
const ready = async (port: number): Promise<boolean> => {
  const answer = await exchange(port, Buffer.from(`AUTH ${password}\r\nPING\r\n`), (bytes) => /PONG|-/.test(bytes.toString()))
  return answer.toString().includes('+PONG')
}

/** A peer of the benchmarks (BullMQ), not an engine of any adapter. Writes are on disk before they are acknowledged. */
export const redis: Launcher = {
  name: 'redis',
  title: 'Redis',
  versions: ['7.0'],
  variable: 'PDVEND_TEST_REDIS',
  ports: 1,
  container: {
    image: (version) => `redis:${version}`,
    data: '/data',
    ports: [6379],
    args: () => ['redis-server', '--requirepass', password, '--appendonly', 'yes', '--appendfsync', 'always'],
    url: ({ ports }) => url(ports[0]!),
    ready: ({ ports }) => ready(ports[0]!),
  },
  settings: () => ({}),
  async find(version) {
    const command = await findTool('redis-server')
    if (command !== undefined && isAtLeast(await versionOf(command, '--version'), version)) return command
    return findCached('redis', version)
  },
  provision: (version, report) =>
    aptUnpack(
      {
        name: 'redis',
        version,
        packages: ['redis-server'],
        proof: /^usr\/bin\/redis-server$/,
        otherwise: 'install Redis 7 so that redis-server is on PATH',
      },
      report,
    ),
  async plan(home, { version, data, ports: [port] }) {
    const unpacked = !home.endsWith('redis-server')
    const env = unpacked ? { LD_LIBRARY_PATH: await libraryPath(home) } : {}
    const command = unpacked ? join(home, 'usr/bin/redis-server') : home
    const actual = await versionOf(command, '--version', env)
    if (!isAtLeast(actual, version)) throw new EngineMissing(`Redis ${version} or later is needed; this machine's packages have ${actual}`)
    const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', data, '--requirepass', password]
    return {
      url: url(port!),
      version: actual!,
      command,
      env,
      args: [...args, '--appendonly', 'yes', '--appendfsync', 'always', '--save', ''],
      ready: () => ready(port!),
    }
  },
}
