import { Transform } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

/** Passes so many bytes a second; at 0 it stands still after half of `length`. */
export function slowed(bytesPerSecond: number, length: number): Transform {
  let passed = 0
  return new Transform({
    highWaterMark: 16_384,
    async transform(chunk: Buffer, _encoding, done) {
      for (let at = 0; at < chunk.byteLength; at += 16_384) {
        const piece = chunk.subarray(at, at + 16_384)
        if (bytesPerSecond === 0 && passed + piece.byteLength > length / 2) return // never done
        await sleep(bytesPerSecond === 0 ? 0 : (piece.byteLength / bytesPerSecond) * 1_000)
        passed += piece.byteLength
        this.push(piece)
      }
      done()
    },
  })
}

/** Passes half of `length`, then calls `cut`. */
export function cutOff(length: number, cut: () => void): Transform {
  let left = Math.floor(length / 2)
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const piece = chunk.subarray(0, left)
      left -= piece.byteLength
      if (piece.byteLength > 0) this.push(piece)
      // What was passed must be on its way before the end.
      if (left === 0) setTimeout(cut, 20)
      else done()
    },
  })
}

/** Flips one bit in the middle. */
export function flipped(length: number): Transform {
  let until = Math.floor(length / 2)
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const copy = Buffer.from(chunk)
      if (until >= 0 && until < copy.byteLength) copy[until]! ^= 1
      until -= copy.byteLength
      done(undefined, copy)
    },
  })
}
