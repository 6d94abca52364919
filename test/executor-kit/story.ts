import type { MakeSubject, Subject } from './subject.js';
import { World } from './world.js';

/** What a subject may be unable to do. */
export type Ability =
  'observesElsewhere' | Exclude<{ [K in keyof Subject]-?: undefined extends Subject[K] ? K : never }[keyof Subject], 'secrets' | 'context'>;

/** What an executor must do, told with its system in hand. A story that does not hold says why in the world's problems, or throws. */
export interface Story {
  name: string;
  needs?: readonly Ability[];
  /** Gives `again` to be told once more in a new world, with the next k: for every instant, or every hostility. */
  tell(world: World, k: number): Promise<void | 'again'>;
}

/** As many instants as a story tries; an executor that waits in turns has no end of them. */
const TELLINGS_MAX = 40;

/** Worlds mostly wait, so that several at a time take hardly longer than one. */
const AT_ONCE = 4;

/** Tell one story of an executor, in worlds of its own. Returns what was wrong. */
export async function tellStory(story: Story, makeSubject: MakeSubject, makeDirectory: () => string): Promise<string[]> {
  // Most stories are told once: only what is told again is told several at a time.
  for (let [from, count] = [1, 1]; from <= TELLINGS_MAX; [from, count] = [from + count, AT_ONCE]) {
    const first = from;
    const tellings = Array.from({ length: count }, (_, at) => tellOnce(story, first + at, makeSubject, makeDirectory()));
    for (const { problems, again } of await Promise.all(tellings)) {
      if (problems.length > 0) return problems;
      if (!again) return [];
    }
  }
  return [];
}

async function tellOnce(
  story: Story,
  k: number,
  makeSubject: MakeSubject,
  directory: string,
): Promise<{ problems: string[]; again: boolean }> {
  const world = await World.make(makeSubject, directory);
  const missing = (story.needs ?? []).filter((need) => !world.subject[need]);
  let next: void | 'again' = undefined;
  try {
    if (missing.length > 0) throw new Error(`the subject has no ${missing.join(', ')}: give it, or name it in \`without\``);
    next = await story.tell(world, k);
  } catch (error) {
    world.problems.push((error as Error).message);
  }
  await world.judge();
  await world.close();
  const problems = world.problems.map((problem) => (world.where === '' ? problem : `${world.where}: ${problem}`));
  return { problems, again: next === 'again' };
}
