/** Longest side of a stored picture in pixels: twice what the till draws, for sharp screens. */
const MAX_SIDE = 640
/** What is smaller than this and of a good type goes as it is. */
const GOOD_BYTES = 300_000
const TYPES: readonly string[] = ['image/png', 'image/jpeg', 'image/webp']

/** The picture made small enough for a tile; undefined when the browser cannot read it. */
export async function smallerPicture(file: File): Promise<Blob | undefined> {
  let bitmap: ImageBitmap
  try {
    bitmap = await createImageBitmap(file)
  } catch {
    return undefined
  }
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height))
  if (scale === 1 && file.size <= GOOD_BYTES && TYPES.includes(file.type)) return file
  const canvas = document.createElement('canvas')
  canvas.width = Math.max(1, Math.round(bitmap.width * scale))
  canvas.height = Math.max(1, Math.round(bitmap.height * scale))
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  bitmap.close()
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(blob ?? undefined), 'image/webp', 0.85))
}
