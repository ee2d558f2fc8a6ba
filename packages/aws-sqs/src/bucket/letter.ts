import type { DriverDeadJob, DriverJob } from '@pdvend/ports'

/** A line of JSON, and after it the bytes of the payload as they are. */
export function encodeLetter({ job: { payload, ...job }, ...rest }: DriverDeadJob): Uint8Array {
  return encodeWith({ job, ...rest }, payload)
}

export function decodeLetter(bytes: Uint8Array): DriverDeadJob {
  const { head, payload } = decodeWith<Omit<DriverDeadJob, 'job'> & { readonly job: Omit<DriverJob, 'payload'> }>(bytes)
  return { ...head, job: { ...head.job, payload } }
}

/** A line of JSON before a payload. */
export function encodeWith(head: object, payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`${JSON.stringify(head)}\n`), payload])
}

export function decodeWith<T>(bytes: Uint8Array): { readonly head: T; readonly payload: Uint8Array } {
  const end = bytes.indexOf(0x0a)
  const line = Buffer.from(bytes.subarray(0, end < 0 ? bytes.byteLength : end)).toString('utf8')
  return { head: JSON.parse(line) as T, payload: bytes.subarray(end < 0 ? bytes.byteLength : end + 1) }
}
