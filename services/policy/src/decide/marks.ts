import type { Pair } from '../pairs.js';
import { pairKey } from '../pairs.js';

/** How much a change concerns a pair: its candidates may be others now, or its decisions must be made again. */
export const LEVEL = { candidates: 1, judge: 2 } as const;
export type Level = (typeof LEVEL)[keyof typeof LEVEL];

export interface Mark extends Pair {
  level: Level;
  /** Someone waits for the answer: a version or a policy came. The others may wait until more of their kind have come. */
  urgent: boolean;
}

/** The pairs that a batch of changes concerns, each as much as any of the changes says. */
export class Marks {
  private readonly marks = new Map<string, Mark>();

  add(pair: Pair, level: Level, urgent = false): void {
    const key = pairKey(pair);
    const known = this.marks.get(key);
    if (known === undefined) {
      this.marks.set(key, { deployment: pair.deployment, environment: pair.environment, level, urgent });
    } else {
      if (known.level < level) known.level = level;
      known.urgent ||= urgent;
    }
  }

  levelOf(pair: Pair): Level | undefined {
    return this.marks.get(pairKey(pair))?.level;
  }

  get size(): number {
    return this.marks.size;
  }

  list(): Mark[] {
    return [...this.marks.values()];
  }
}
