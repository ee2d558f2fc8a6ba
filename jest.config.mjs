import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

/** One configuration for every package; run through scripts/jest.mjs from the package's folder. */
export default {
  rootDir: process.cwd(),
  testMatch: ['<rootDir>/**/*.test.ts', '<rootDir>/**/*.test.tsx'],
  // A workspace inside a workspace (test/engines) runs its own.
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '<rootDir>/engines/'],
  extensionsToTreatAsEsm: ['.ts', '.tsx'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.tsx?$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2023',
          parser: { syntax: 'typescript', decorators: true, tsx: false },
          transform: { legacyDecorator: true, decoratorMetadata: true, verbatimModuleSyntax: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  coverageProvider: 'v8',
  reporters: ['default', fileURLToPath(new URL('scripts/counts-reporter.mjs', import.meta.url))],
  // Turborepo tests several packages at once; together they should not ask for more than the machine has.
  maxWorkers: Math.max(1, Math.floor(availableParallelism() / 4)),
  testTimeout: 30_000,
}
