export { diskFiles, type SpoolFiles } from './files.js'
export { openSpool } from './open.js'
export type { SpoolOptions } from './options.js'
