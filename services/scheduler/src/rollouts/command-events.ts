import { subjects, type CommandEvent } from '@slipway/contracts';
import type { Caller } from '@slipway/messaging';
import type { Place, Work } from '../work.js';

/** Who told the scheduler what, and what came of it: kept with the change itself, so that whatever a person did can be found again. */
export function sayCommand(
  work: Work,
  caller: Caller,
  { deployment, environment }: Place,
  said: Pick<CommandEvent, 'verb' | 'done'> & Partial<CommandEvent>,
): void {
  const { verb, done, version, reason, ...more } = said;
  const body: CommandEvent = {
    ...(version === undefined ? {} : { version }),
    verb,
    by: caller.name,
    ...(reason === undefined ? {} : { reason }),
    done,
    ...more,
    ...{ deployment, environment, at: work.now },
  };
  work.say({ subject: subjects.command(deployment, environment, verb), id: `command:${work.world.ids.next()}`, body });
}
