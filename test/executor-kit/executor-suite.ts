import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { STORIES_OF_BEGINNING } from './stories-of-beginning.js';
import { STORIES_OF_ENDING } from './stories-of-ending.js';
import { STORIES_OF_TROUBLE } from './stories-of-trouble.js';
import { tellStory, type Ability, type Story } from './story.js';
import type { MakeSubject } from './subject.js';

export type { Hostility, Life, MakeSubject, Subject } from './subject.js';

export const STORIES: readonly Story[] = [...STORIES_OF_BEGINNING, ...STORIES_OF_ENDING, ...STORIES_OF_TROUBLE];

/** Stories of many instants take a world for each. */
const STORY_MS_MAX = 120_000;

/**
 * Tell every story of this executor. `without`: what its system can not be made to do; the stories that need it are left out. A subject that lacks
 * something that is not named there fails.
 */
export function describeExecutor(name: string, makeSubject: MakeSubject, { without = [] }: { without?: readonly Ability[] } = {}): void {
  describe(`the executor ${name}`, () => {
    let root: string;
    let directories = 0;
    beforeAll(() => {
      root = mkdtempSync(path.join(os.tmpdir(), 'slipway-executor-'));
    });
    afterAll(() => rmSync(root, { recursive: true, force: true }));

    for (const story of STORIES) {
      if (story.needs?.some((need) => without.includes(need))) continue;
      it(
        story.name,
        async () => {
          expect(await tellStory(story, makeSubject, () => path.join(root, String(++directories)))).toEqual([]);
        },
        STORY_MS_MAX,
      );
    }
  });
}
