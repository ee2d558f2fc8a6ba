export { launchers, launcherOf } from './catalog.js'
export { startKafkaCluster, type KafkaCluster } from './kafka-cluster.js'
export { startEngine, whyMissing, type LaunchOptions } from './launch.js'
export { EngineMissing, engineNames, type EngineName, type Launcher, type Report, type RunningEngine } from './launcher.js'
