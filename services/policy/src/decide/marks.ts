import type { Pair } from '../pairs.js';
import { pairKey } from '../pairs.js';

/** How much a change concerns a pair: its candidates may be others now, or its decisions must be made again. */
export const LEVEL = { candidates: 1, judge: 2 } as const;
export type Level = (typeof LEVEL)[keyof typeof LEVEL];

export interface Mark extends Pair {
  level: Level;
  /** Someone waits for the answer: a version or a policy came. The others may wait until more of their kind have come. */
  urgent: boolean;
  /** How many targets are to be looked at where what was answered before is remembered; absent: all of the pair. */
  concerns?: number;
}

/** The pairs that a batch of changes concerns, each as much as any of the changes says. */
export class Marks {
  private readonly marks = new Map<string, Mark>();

  /** `concerns`: at so many targets only; what several changes concern adds up. */
  add(pair: Pair, level: Level, urgent = false, concerns?: number): void {
    const key = pairKey(pair);
    const known = this.marks.get(key);
    if (known === undefined) {
      const { deployment, environment } = pair;
      this.marks.set(key, { deployment, environment, level, urgent, ...(concerns === undefined ? {} : { concerns }) });
      return;
    }
    if (known.level < level) known.level = level;
    known.urgent ||= urgent;
    if (concerns === undefined) delete known.concerns;
    else if (known.concerns !== undefined) known.concerns += concerns;
  }

  levelOf(pair: Pair): Level | undefined {
    return this.marks.get(pairKey(pair))?.level;
  }

  /** Whether only some targets of the pair are concerned. */
  concernsFew(pair: Pair): boolean {
    return this.marks.get(pairKey(pair))?.concerns !== undefined;
  }

  get size(): number {
    return this.marks.size;
  }

  list(): Mark[] {
    return [...this.marks.values()];
  }
}
