/** Prints what this process has used so far of the processor, user and system, in milliseconds. */
export function printCpu() {
  const { user, system } = process.cpuUsage()
  process.stdout.write(String((user + system) / 1_000))
}
