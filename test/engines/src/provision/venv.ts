import { join } from 'node:path'
import { EngineMissing, type Report } from '../launcher.js'
import { cached } from './cache.js'
import { needTool, run } from './command.js'

/** A Python package with a command. */
export interface PythonProgram {
  readonly name: string
  readonly version: string
  /** Name on PyPI. */
  readonly distribution: string
}

/** Installs it in a virtual environment of its own; returns the folder, which has `venv/bin/<name>`. */
export async function pipVenv(program: PythonProgram, report: Report): Promise<string> {
  const python = await needTool('python3', `${program.name} is a Python program (3.10 or later)`)
  return cached({ name: program.name, version: program.version, how: 'pip in a venv' }, report, async (folder) => {
    const venv = join(folder, 'venv')
    await run(python, ['-m', 'venv', venv]).catch((cause: unknown) => {
      throw new EngineMissing(
        `python3 cannot make virtual environments here (on Debian: apt-get install python3-venv), which ${program.name} needs`,
        { cause },
      )
    })
    const pip = [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--no-input',
      '--disable-pip-version-check',
      `${program.distribution}==${program.version}`,
    ]
    await run(join(venv, 'bin/python'), pip, { report: (line) => report(`${program.name}: ${line}`), low: true })
    return [`venv/bin/${program.name}`]
  })
}
