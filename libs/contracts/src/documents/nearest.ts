/** Steps from one word to the other: letters added, dropped, changed or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (before[j - 2] as number) + 1);
      row.push(best);
    }
    before = last;
    last = row;
  }
  return last[b.length] as number;
}

/** The known word that a misspelt one most likely means; undefined when none is near. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const asked = word.toLowerCase().slice(0, 100);
  let best: string | undefined;
  let bestSteps = Math.max(2, Math.floor(asked.length / 3)) + 1;
  for (const candidate of known) {
    const steps = distance(asked, candidate.toLowerCase().slice(0, 100));
    if (steps < bestSteps) [best, bestSteps] = [candidate, steps];
  }
  return best;
}

/** `; did you mean production?` or nothing, to end a message with. */
export function didYouMean(word: string, known: Iterable<string>): string {
  const near = nearest(word, known);
  return near === undefined ? '' : `; did you mean ${near}?`;
}
