import type { Pair } from '../pairs.js';
import { pairKey } from '../pairs.js';

/** How much a change concerns a pair: its candidates may be others now, or its decisions must be made again. */
export const LEVEL = { candidates: 1, judge: 2 } as const;
export type Level = (typeof LEVEL)[keyof typeof LEVEL];

/** The pairs that a batch of changes concerns, each with the greatest level. */
export class Marks {
  private readonly levels = new Map<string, Pair & { level: Level }>();

  add(pair: Pair, level: Level): void {
    const key = pairKey(pair);
    const known = this.levels.get(key);
    if (known === undefined || known.level < level)
      this.levels.set(key, { deployment: pair.deployment, environment: pair.environment, level });
  }

  get size(): number {
    return this.levels.size;
  }

  list(): (Pair & { level: Level })[] {
    return [...this.levels.values()];
  }
}
