/**
 * The known name that was most likely meant: the fewest single-letter edits (swapped neighbours count as one), at most
 * a third of the name's length. Undefined where nothing is near.
 */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  let least = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    if (Math.abs(candidate.length - name.length) >= least) continue
    const edits = editDistance(name, candidate)
    if (edits < least) [best, least] = [candidate, edits]
  }
  return best
}

/** Optimal string alignment distance; both texts are cut at 80 characters, so that a hostile name costs nothing. */
function editDistance(left: string, right: string): number {
  const [a, b] = [left.slice(0, 80), right.slice(0, 80)]
  let [before, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      row[j] = Math.min(last![j]! + 1, row[j - 1]! + 1, last![j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j]!, before![j - 2]! + 1)
    }
    ;[before, last] = [last!, row]
  }
  return last![b.length]!
}
