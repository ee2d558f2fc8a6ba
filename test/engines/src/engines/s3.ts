/** An S3 endpoint with its credentials in one address. */
export function s3Url(port: number, accessKey: string, secretKey: string): string {
  return `http://${accessKey}:${secretKey}@127.0.0.1:${port}`
}

/** What an S3-compatible adapter needs: the endpoint without the credentials, and those. */
export function s3Settings(url: string): Readonly<Record<string, string>> {
  const { origin, username, password } = new URL(url)
  return {
    PDVEND_BLOB_ENDPOINT: origin,
    PDVEND_BLOB_REGION: 'us-east-1',
    PDVEND_BLOB_PATH_STYLE: 'true',
    PDVEND_BLOB_ACCESS_KEY: decodeURIComponent(username),
    PDVEND_BLOB_SECRET_KEY: decodeURIComponent(password),
  }
}
