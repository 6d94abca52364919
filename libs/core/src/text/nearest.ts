/** A name further away than this share of its length is no help as a suggestion. */
const DISTANCE_SHARE_MAX = 0.4;
/** Longer names are not compared: edit distance is quadratic. */
const NAME_LENGTH_MAX = 100;

/** Insertions, deletions, substitutions, and neighbours swapped: what fingers do. */
function editDistance(a: string, b: string): number {
  let twoBack: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      current.push(Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution, swapped ? twoBack[j - 2]! + 1 : Infinity));
    }
    [twoBack, previous] = [previous, current];
  }
  return previous[b.length]!;
}

/** The name nearest to `wrong` by edit distance, for "did you mean"; undefined when none is near. Case does not count. */
export function nearestName(wrong: string, names: Iterable<string>): string | undefined {
  if (wrong.length > NAME_LENGTH_MAX) return undefined;
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(wrong.length * DISTANCE_SHARE_MAX)) + 1;
  for (const name of names) {
    if (name.length > NAME_LENGTH_MAX) continue;
    const distance = editDistance(wrong.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}
