// Faults of the embedded engines, for those who prove something about them: the contract's engine handles, here and in
// the command line. `directory` is what PDVEND_LOCAL_DIR names. Never use them on a shop's data.
export { blobLeftovers, damageBlob } from './blob.js'
export { jobsOutage } from './jobs.js'
