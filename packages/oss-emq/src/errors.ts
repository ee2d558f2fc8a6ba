import { brokerOf } from '@pdvend/push-mqtt'

/** MQTT's and Node's errors in our codes, with the settings that mend them. */
export const broker = brokerOf({
  adapter: 'oss-emq',
  address: 'PDVEND_PUSH_URL',
  login: 'PDVEND_PUSH_USERNAME and PDVEND_PUSH_PASSWORD',
  rules: 'the rules of PDVEND_PUSH_USERNAME',
  trust: 'PDVEND_PUSH_CA_FILE',
  certificate: 'PDVEND_PUSH_CERT_FILE',
})
export const { fail } = broker
