import { configurationMarkdown, configurationTable } from '@pdvend/container'
import type { Command } from 'commander'
import { knownApp } from '../adapters.js'
import { say, sayJson, sayTable } from '../io.js'
import type { Setup } from '../program.js'

interface ConfigFlags {
  readonly json?: boolean
  readonly markdown?: boolean
}

export function addConfig(program: Command, { io, modules, action }: Setup): void {
  program
    .command('config')
    .description('every environment variable that the app and its adapters understand')
    .option('--json', 'as JSON')
    .option('--markdown', 'as a Markdown table')
    .action(
      action(async ({ json, markdown }: ConfigFlags) => {
        const { profiles, adapters } = await knownApp(io, modules())
        const table = await configurationTable(profiles, adapters)
        if (json) return sayJson(io, table)
        if (markdown) return say(io, configurationMarkdown(table).trimEnd())
        const rows = table.map(({ variable, adapters: readers, required, doc }) => [
          variable,
          readers.join(', ') || 'the app',
          required ? 'required' : '',
          doc,
        ])
        sayTable(io, [['VARIABLE', 'READ BY', '', 'MEANING'], ...rows])
      }),
    )
}
