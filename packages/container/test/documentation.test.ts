import { expect, test } from '@jest/globals'
import { local } from '@pdvend/local'
import { configurationMarkdown, configurationTable } from '../src/index.js'
import { outsider, testProfile } from './test-adapters.js'

test('the table holds the app’s variables first, then each adapter’s once, with who reads them', async () => {
  const test = testProfile()
  const table = await configurationTable({ local, test }, [...Object.values(local), ...Object.values(test), outsider('nats')])
  const variables = table.map(({ variable }) => variable)
  expect(variables.slice(0, 6)).toEqual([
    'PDVEND_PROFILE',
    'PDVEND_TELEMETRY',
    'PDVEND_BLOB',
    'PDVEND_JOBS',
    'PDVEND_PUSH',
    'PDVEND_TIMEOUT_MS',
  ])
  expect(new Set(variables).size).toBe(variables.length)
  expect(table.find(({ variable }) => variable === 'PDVEND_LOCAL_DIR')).toMatchObject({
    adapters: ['local-blob', 'local-jobs', 'local-push', 'local-telemetry'],
    required: false,
    secret: false,
  })
  expect(table.find(({ variable }) => variable === 'PDVEND_BLOB_SECRET_KEY')).toMatchObject({ adapters: ['test-blob'], secret: true })
  for (const { doc } of table) expect(doc.length).toBeGreaterThan(10)
})

test('a variable that means different things to two adapters has a row for each', async () => {
  const { blob } = testProfile()
  const other = { ...blob, name: 'other-blob', config: { bucket: { ...blob.config['bucket']!, doc: 'Folder that holds the files' } } }
  const rows = (await configurationTable({ local }, [blob, other])).filter(({ variable }) => variable === 'PDVEND_BLOB_BUCKET')
  expect(rows.map(({ adapters, doc }) => [adapters, doc])).toEqual([
    [['other-blob'], 'Folder that holds the files'],
    [['test-blob'], 'Bucket that holds the files'],
  ])
})

test('the Markdown has a row a variable and survives bars', () => {
  const row = { variable: 'PDVEND_X', adapters: ['a', 'b'], required: true, secret: true, doc: 'This | that', example: 'x|y' }
  expect(configurationMarkdown([row]).trim().split('\n').at(-1)).toBe('| `PDVEND_X` | a, b | yes | This \\| that (secret) | `x\\|y` |')
})
