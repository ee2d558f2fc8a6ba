export { isPlaintext } from './address.js'
export { type Broker, brokerOf, type BrokerWords } from './broker.js'
export { Carrier } from './carrier.js'
export {
  connect,
  end,
  type Endpoint,
  type Login,
  type MqttClient,
  type Protocol,
  type ProtocolLevel,
  subscribe,
  type Welcome,
} from './client.js'
export { Connection } from './connection.js'
export { type Credential, deviceConnection } from './device-connection.js'
export { journalFacts, openJournal, type SharedJournal } from './journal.js'
export { PresenceBook } from './presence.js'
export { encodeToken, type Signer, signerOf } from './token.js'
export { clientIdOf, deviceOf, fenceTopic, grantsOf, presenceTopic, shared, topicOf } from './topics.js'
