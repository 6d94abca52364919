/** A (deployment, environment): what decisions are made for. */
export interface Pair {
  deployment: string;
  environment: string;
}

/** The key of a pair in maps and lock names. */
export function pairKey(pair: Pair): string {
  return `${pair.deployment}/${pair.environment}`;
}

/** A where-clause that finds at least these pairs in one statement; `isOneOf` leaves out what it found besides. */
export function pairsWhere(pairs: readonly Pair[]): { deployment: string[]; environment: string[] } {
  return { deployment: [...new Set(pairs.map((p) => p.deployment))], environment: [...new Set(pairs.map((p) => p.environment))] };
}

/** Rows by the key of their pair, only of the pairs asked for. */
export function byPair<Row extends Pair>(pairs: readonly Pair[], rows: readonly Row[]): Map<string, Row[]> {
  const grouped = new Map<string, Row[]>(pairs.map((pair) => [pairKey(pair), []]));
  for (const row of rows) grouped.get(pairKey(row))?.push(row);
  return grouped;
}
