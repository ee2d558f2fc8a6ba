import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from '@jest/globals'
import { filesUnder, readJson, readWorkspaces, root } from './architecture/import-graph.js'

const scripts = readJson<{ scripts: Record<string, string> }>('package.json').scripts
const workspaces = readWorkspaces()
const pages = ['README.md', 'README.pt-BR.md', 'CONTRIBUTING.md', ...['docs', 'packages', 'examples'].flatMap(filesUnder).filter(isPage)]

function isPage(path: string): boolean {
  return path.endsWith('.md') && !path.startsWith('docs/api/') && !path.endsWith('/CHANGELOG.md')
}

/** The commands of code blocks and of `inline code`, one line each, without the comment. */
function commands(page: string): readonly string[] {
  const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block!.split('\n'))
  const inline = [...page.matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!)
  return [...blocks, ...inline].map((line) => line.replace(/\s#.*$/, '').trim()).filter(Boolean)
}

/** The scripts that a command needs: `npm ci && npm start` needs `start`; with `-w` the workspace must have it. */
function missingScripts(command: string): readonly string[] {
  return command.split('&&').flatMap((part) => {
    const found = /^npm (?:run ([\w:-]+)|(test|start))(?: (.*))?$/.exec(part.trim())
    if (!found) return []
    const name = found[1] ?? found[2]!
    const workspace = /(?:-w|--workspace)[ =](\S+)/.exec(found[3]?.split(' -- ')[0] ?? '')?.[1]
    const known = workspace === undefined ? scripts : scriptsOf(workspace)
    return name in known ? [] : [`${part.trim()} (no script ${name})`]
  })
}

function scriptsOf(name: string): Record<string, string> {
  const workspace = workspaces.find(({ path, manifest }) => manifest.name === name || path === name)
  return (workspace?.manifest.scripts ?? {}) as Record<string, string>
}

describe.each(pages)('%s', (path) => {
  const page = readFileSync(join(root, path), 'utf8')

  test('its commands exist', () => {
    expect(commands(page).flatMap(missingScripts)).toEqual([])
  })

  test('its relative links lead somewhere', () => {
    const links = [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!.split('#')[0]!)
    const relative = links.filter((link) => link !== '' && !/^[a-z]+:/.test(link))
    expect(relative.filter((link) => !existsSync(join(root, dirname(path), link)))).toEqual([])
  })
})

describe('README.md and README.pt-BR.md', () => {
  const english = readFileSync(join(root, 'README.md'), 'utf8')
  const portuguese = readFileSync(join(root, 'README.pt-BR.md'), 'utf8')

  test('both give the two commands', () => {
    for (const page of [english, portuguese])
      expect(commands(page)).toEqual(expect.arrayContaining(['npm ci && npm start', 'npm ci && npm test']))
  })

  test('both have the same sections, code and variables', () => {
    const shape = (page: string): object => ({
      sections: page.match(/^#+ /gm),
      code: page.match(/```ts\n[\s\S]*?```/g),
      variables: [...new Set(page.match(/PDVEND_[A-Z_]+/g))].sort(),
      links: [...page.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link).filter((link) => !link!.startsWith('README')),
    })
    expect(shape(portuguese)).toEqual(shape(english))
  })

  test('both name every package in the tree of folders', () => {
    const names = workspaces.filter(({ path }) => path.startsWith('packages/')).map(({ manifest }) => manifest.name)
    for (const page of [english, portuguese]) expect(names.filter((name) => !page.includes(name))).toEqual([])
  })

  test('the commands check knows a missing script', () => {
    expect(missingScripts('npm ci && npm run fly')).toEqual(['npm run fly (no script fly)'])
    expect(missingScripts('npm test -w @pdvend/ports -- context')).toEqual([])
    expect(missingScripts('npm run fly -w @pdvend/ports')).toHaveLength(1)
  })
})
