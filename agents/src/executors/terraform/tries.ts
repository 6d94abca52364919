import { rm } from 'node:fs/promises';
import { readTrace } from '../processes/trace.js';
import { hindranceIn } from './hindrance.js';
import { followStep, launchStep, type Step, type StepEnd } from './step.js';
import { Waiting } from './waiting.js';
import type { Workplace } from './workplace.js';

/** A command that disappears (the machine was restarted) and has changed nothing is begun again; not for ever. */
const VANISHED_MAX = 3;

export interface Tries {
  /** Traces are `<kind>-1`, `<kind>-2` and so on; the last one of an earlier life counts. */
  kind: string;
  command: (name: string) => ReturnType<Step['command']>;
  /** Leave the traces that are there alone. */
  anew?: boolean;
  /** Changes what the module describes: once it has begun to, it is not tried again. */
  applies?: boolean;
  heard?: Step['heard'];
}

export type Tried = StepEnd & { number: number };

/**
 * Run a command until nothing hinders it: a locked state is waited for, and what does not answer. Undefined when the run was to end before it
 * could be begun, or is followed by nobody any more.
 */
export async function untilUnhindered(
  place: Workplace,
  { kind, command, anew, applies = false, heard }: Tries,
): Promise<Tried | undefined> {
  const { run } = place;
  const waiting = new Waiting(place);
  let number = (await place.traces(kind)).at(-1) ?? 0;
  if (anew === true || number === 0) number += 1;
  for (let vanished = 0; ; number += 1) {
    const name = `${kind}-${number}`;
    const { state } = await readTrace(place.file(name));
    if (run.ending.aborted && state === 'none') return undefined;
    await launchStep(place, { name, command: () => command(name) });
    // An apply that is stopped is followed to its end, to tell what it has done; so is what only has to be read.
    const until = applies || state === 'ended' ? run.signal : run.ending;
    const done = await followStep(place, { name, show: applies, ...(heard ? { heard } : {}) }, until);
    if (!done) return undefined;
    if (done.end === 'gone') {
      if (applies || vanished >= VANISHED_MAX) return { ...done, number };
      vanished += 1;
    } else {
      const hindrance = done.end.status === 0 || done.ui.begun.size > 0 ? undefined : hindranceIn(done.errors);
      if (!hindrance) return { ...done, number };
      await waiting.pass(hindrance);
    }
    await rm(place.file(name), { recursive: true, force: true });
  }
}
