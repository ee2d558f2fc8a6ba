// The files of a new adapter, by path.
import { PORTS } from './ports.mjs'

/** `name`: `oss-nats`, `port`: `jobs`, `version`: of all packages; the versions of others come from `pins`. */
export function adapterFiles({ name, port, version, pins }) {
  const { type, capabilities, limits, methods, sync = {} } = PORTS[port]
  const camel = name.replace(/-(.)/g, (_, letter) => letter.toUpperCase())
  const pascal = camel[0].toUpperCase() + camel.slice(1)
  const prefix = `PDVEND_${port.toUpperCase()}`
  return {
    'package.json': packageJson(name, port, version, pins),
    'tsconfig.json': `${JSON.stringify(
      {
        extends: '../../tsconfig.base.json',
        compilerOptions: { rootDir: 'src', outDir: 'dist', tsBuildInfoFile: 'dist/.tsbuildinfo' },
        include: ['src'],
        references: [{ path: '../ports' }],
      },
      undefined,
      2,
    )}\n`,
    'src/index.ts': `import { defineAdapter } from '@pdvend/ports'
import { config } from './config.js'

/** The manifest: it loads no vendor module. Set a capability to true once its clauses pass. */
export const ${camel} = defineAdapter({
  port: '${port}',
  name: '${name}',
  config,
  capabilities: { ${capabilities.map((capability) => `${capability}: false`).join(', ')} },
  open: async (settings, deps) => (await import('./driver.js')).open${pascal}(settings, deps),
})

export { ${camel} as manifest }
`,
    'src/config.ts': `import { env, type SettingsOf } from '@pdvend/ports'
import { z } from 'zod'

export const config = {
  url: env('${prefix}_URL', z.url(), { doc: 'Address of the engine', example: 'https://engine.example:4222' }),
  requestTimeoutMs: env('${prefix}_REQUEST_TIMEOUT_MS', z.coerce.number().int().min(1).default(10_000), {
    doc: 'Longest wait for one answer of the engine, in milliseconds',
    example: '10000',
  }),
}

export type Settings = SettingsOf<typeof config>
`,
    'src/driver.ts': `import { type AdapterDeps, type ${type}, PortError } from '@pdvend/ports'
import type { Settings } from './config.js'
import { fail } from './errors.js'

/** The engine's bounds; give the source of each. */
const LIMITS: ${type}['limits'] = {
${Object.entries(limits)
  .map(([limit, value]) => `  ${limit}: ${value},`)
  .join('\n')}
}

/**
 * *Semantics*: what the engine promises, and what this driver adds. *Limits*: {@link LIMITS}. *Names and escaping*: how names
 * of the port become names of the engine. *Cost*: requests a call.
 *
 * Each method builds the request, sends it and translates both ways. It does not retry, validate or log: the port does.
 */
export async function open${pascal}(settings: Settings, { signal }: AdapterDeps): Promise<${type}> {
  const ping = async (): Promise<void> => {
    const limit = AbortSignal.timeout(settings.requestTimeoutMs)
    await fetch(settings.url, { signal: AbortSignal.any([signal, limit]) }).catch((cause: unknown) => {
      throw fail('ping', cause)
    })
  }
  await ping()
  return {
    limits: LIMITS,
    ping,
${methods.map((method) => `    ${method}: () => notWritten('${method}'),`).join('\n')}
${Object.entries(sync)
  .map(([method, body]) => `    ${method}: ${body},\n`)
  .join('')}    close: () => Promise.resolve(),
  }
}

function notWritten(operation: string): Promise<never> {
  return Promise.reject(new PortError('UNSUPPORTED', { adapter: '${name}', operation, detail: 'the driver does not have it yet' }))
}
`,
    'src/codec.ts': `/** The port's text as the engine's bytes. Pure: the part of an adapter that has unit tests. */
export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

/** The engine's bytes as the port's text. @throws TypeError for what is not UTF-8 */
export function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
}
`,
    'src/errors.ts': `import { errorTable } from '@pdvend/ports'

/** The engine's errors by code; what is not here becomes INTERNAL. */
export const fail = errorTable('${name}', {
  ECONNREFUSED: { code: 'UNAVAILABLE', detail: 'nothing answers at ${prefix}_URL' },
  ETIMEDOUT: 'UNAVAILABLE',
})
`,
    [`test/${name}.contract.test.ts`]: `import { afterAll, beforeAll, describe, test } from '@jest/globals'
import { describeContract, type TestRunner } from '@pdvend/contract'
import { manifest } from '../src/index.js'

const runner = { describe, test, beforeAll, afterAll } as unknown as TestRunner
const url = process.env.PDVEND_TEST_${port.toUpperCase()}_URL ?? 'http://127.0.0.1:4222'
describeContract(manifest, { engine: { name: '${name}', env: { ${prefix}_URL: url } }, runner, mutants: true })
`,
    'test/codec.test.ts': `import { expect, test } from '@jest/globals'
import { decode, encode } from '../src/codec.js'

test('text comes back as it was', () => {
  for (const text of ['', 'pão de açúcar', '\\u0000', '🛒']) expect(decode(encode(text))).toBe(text)
})
`,
    'README.md': `# @pdvend/${name}

An adapter for the ${port} port.

\`\`\`ts
import { defineApp } from '@pdvend/container'
import { local } from '@pdvend/local'
import { ${camel} } from '@pdvend/${name}'

const app = defineApp({ profiles: { local }, adapters: [${camel}] })
await using running = await app.start({ ...process.env, ${prefix}: '${name}' })
\`\`\`

| variable | meaning |
| --- | --- |
| \`${prefix}_URL\` | Address of the engine. |
| \`${prefix}_REQUEST_TIMEOUT_MS\` | Longest wait for one answer of the engine, in milliseconds. Default 10000. |

**Limits.** No capability is declared yet.
`,
  }
}

function packageJson(name, port, version, pins) {
  const folder = `packages/${name}`
  const manifest = {
    name: `@pdvend/${name}`,
    version,
    description: `An adapter for the ${port} port of the PDVend SDK.`,
    keywords: ['pdvend', 'ports-and-adapters'],
    license: 'MIT',
    repository: { type: 'git', url: 'git+https://github.com/pdvend/sdk.git', directory: folder },
    homepage: `https://github.com/pdvend/sdk/tree/main/${folder}#readme`,
    bugs: 'https://github.com/pdvend/sdk/issues',
    type: 'module',
    sideEffects: false,
    engines: { node: '>=20.19.0' },
    exports: { '.': { types: './dist/index.d.ts', default: './dist/index.js' }, './package.json': './package.json' },
    files: ['dist', 'src', '!dist/.tsbuildinfo'],
    publishConfig: { access: 'public', provenance: true },
    scripts: { build: 'tsc -p .', test: 'node ../../scripts/jest.mjs' },
    dependencies: { '@pdvend/ports': `^${version}`, zod: pins.zod },
    devDependencies: { '@jest/globals': pins['@jest/globals'], '@pdvend/contract': `^${version}` },
  }
  return `${JSON.stringify(manifest, undefined, 2)}\n`
}
