export { EXIT, type Io } from './io.js'
export { main } from './program.js'
