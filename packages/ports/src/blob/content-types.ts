/** What a blob is when nobody says. */
export const UNKNOWN_TYPE = 'application/octet-stream'

/** File extensions of what shops store, most of all. */
const BY_EXTENSION: Readonly<Record<string, string>> = {
  avif: 'image/avif',
  bin: UNKNOWN_TYPE,
  bmp: 'image/bmp',
  css: 'text/css; charset=utf-8',
  csv: 'text/csv; charset=utf-8',
  doc: 'application/msword',
  docx: 'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
  gif: 'image/gif',
  gz: 'application/gzip',
  heic: 'image/heic',
  htm: 'text/html; charset=utf-8',
  html: 'text/html; charset=utf-8',
  ico: 'image/vnd.microsoft.icon',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  md: 'text/markdown; charset=utf-8',
  mjs: 'text/javascript; charset=utf-8',
  mp3: 'audio/mpeg',
  mp4: 'video/mp4',
  ndjson: 'application/x-ndjson',
  ofx: 'application/x-ofx',
  ogg: 'audio/ogg',
  p7s: 'application/pkcs7-signature',
  parquet: 'application/vnd.apache.parquet',
  pdf: 'application/pdf',
  pfx: 'application/x-pkcs12',
  png: 'image/png',
  svg: 'image/svg+xml',
  tar: 'application/x-tar',
  tif: 'image/tiff',
  tiff: 'image/tiff',
  txt: 'text/plain; charset=utf-8',
  wasm: 'application/wasm',
  wav: 'audio/wav',
  webm: 'video/webm',
  webp: 'image/webp',
  woff2: 'font/woff2',
  xls: 'application/vnd.ms-excel',
  xlsx: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
  xml: 'application/xml',
  zip: 'application/zip',
  zst: 'application/zstd',
}

/** First bytes, in Latin-1; `at` is where they stand. */
const BY_MAGIC: readonly { readonly magic: string; readonly at?: number; readonly type: string }[] = [
  { magic: '\x89PNG\r\n\x1a\n', type: 'image/png' },
  { magic: '\xff\xd8\xff', type: 'image/jpeg' },
  { magic: 'GIF8', type: 'image/gif' },
  { magic: 'WEBP', at: 8, type: 'image/webp' },
  { magic: 'ftypavif', at: 4, type: 'image/avif' },
  { magic: 'ftypheic', at: 4, type: 'image/heic' },
  { magic: '%PDF-', type: 'application/pdf' },
  { magic: 'PK\x03\x04', type: 'application/zip' },
  { magic: '\x1f\x8b\x08', type: 'application/gzip' },
  { magic: '<?xml', type: 'application/xml' },
]

/**
 * [B90] The type of a blob that came without one: by its key's extension, else by its first bytes where they are in
 * memory, else {@link UNKNOWN_TYPE}. Never `text/html` by content: a till's upload must not become a web page.
 */
export function sniffContentType(key: string, head?: Uint8Array): string {
  const extension = /\.([a-z0-9]{1,8})$/i.exec(key)?.[1]?.toLowerCase()
  const byExtension = extension === undefined || !Object.hasOwn(BY_EXTENSION, extension) ? undefined : BY_EXTENSION[extension]
  return byExtension ?? (head === undefined ? undefined : typeOfBytes(head)) ?? UNKNOWN_TYPE
}

function typeOfBytes(head: Uint8Array): string | undefined {
  return BY_MAGIC.find(
    ({ magic, at = 0 }) =>
      head.byteLength >= at + magic.length && Array.from(magic).every((char, index) => head[at + index] === char.charCodeAt(0)),
  )?.type
}
