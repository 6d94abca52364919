import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { describeExecutor, STORIES } from './executor-suite.js';
import { tellStory } from './story.js';
import { commandSubject } from './subjects/command-system.js';
import { memorySubject } from './subjects/memory-system.js';

describeExecutor('of the smallest system', () => memorySubject());

describeExecutor('command', (directory) => commandSubject(directory, { observes: false }), {
  without: [
    ...(['loseStartAnswer', 'startAnswers502AfterDoing', 'down', 'up', 'slow', 'ignoreCancel'] as const),
    ...(['askPerson', 'personActs', 'asksToConfirm', 'observesElsewhere'] as const),
  ],
});

describe('the executor command with a program that observes', () => {
  const root = mkdtempSync(path.join(os.tmpdir(), 'slipway-executor-'));
  let directories = 0;
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it.each(STORIES.filter(({ name }) => name.includes('another agent')).map((story) => [story.name, story] as const))(
    '%s',
    async (_name, story) => {
      const make = (directory: string) => commandSubject(directory, { observes: true });
      expect(await tellStory(story, make, () => path.join(root, String(++directories)))).toEqual([]);
    },
    120_000,
  );
});
