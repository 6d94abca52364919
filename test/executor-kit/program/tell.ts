import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Controller } from './controller.js';
import type { UnderTest } from './kit-file.js';
import { NotTold, PATIENCE_MS, WireWorld, type WireStory } from './wire-stories.js';

export interface Verdict {
  story: string;
  result: 'passed' | 'failed' | 'notTold';
  /** What was wrong, why it was not told, or what was seen. */
  because: string[];
  seconds: number;
}

/** Tell these stories of an agent program, one after the other; `heard` is called with each verdict. */
export async function tellAll(
  underTest: UnderTest,
  stories: readonly WireStory[],
  heard: (verdict: Verdict) => void,
  patienceMs = PATIENCE_MS,
): Promise<Verdict[]> {
  const root = mkdtempSync(path.join(os.tmpdir(), 'slipway-executor-kit-'));
  const controller = await Controller.start(underTest.executor);
  const verdicts: Verdict[] = [];
  try {
    for (const [index, story] of stories.entries()) {
      const directory = path.join(root, String(index + 1));
      mkdirSync(directory);
      const verdict = await tellOne(story, await WireWorld.make(controller, underTest, directory, index + 1, patienceMs));
      verdicts.push(verdict);
      heard(verdict);
    }
  } finally {
    await controller.nats.stop();
    rmSync(root, { recursive: true, force: true });
  }
  return verdicts;
}

async function tellOne(story: WireStory, world: WireWorld): Promise<Verdict> {
  const begunAt = performance.now();
  let notTold: string | undefined;
  try {
    await story.tell(world);
  } catch (error) {
    if (error instanceof NotTold) notTold = error.message;
    else world.problems.push((error as Error).message);
  }
  await world.judge();
  if (world.problems.length > 0 && world.agent.lastWords !== '') world.problems.push(`the agent's last words: ${world.agent.lastWords}`);
  await world.close();
  const seconds = Math.round((performance.now() - begunAt) / 100) / 10;
  if (world.problems.length > 0) return { story: story.name, result: 'failed', because: world.problems, seconds };
  if (notTold !== undefined) return { story: story.name, result: 'notTold', because: [notTold], seconds };
  return { story: story.name, result: 'passed', because: world.seen, seconds };
}
