#!/usr/bin/env node
import { main } from './program.js'

const { env, stdin, stdout, stderr } = process
// A reader that has seen enough, such as `head`, closes the pipe: that is no failure.
stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
void main(process.argv.slice(2), { env, cwd: process.cwd(), stdin, stdout, stderr }).then((code) => {
  process.exitCode = code
})
