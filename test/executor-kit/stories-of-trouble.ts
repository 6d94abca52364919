import { RUN_ID } from './agent-under-test.js';
import type { Story } from './story.js';
import type { World } from './world.js';

const FINALS = ['succeeded', 'failed', 'cancelled', 'timedOut', 'rejected', 'unknown'];
/** A system that is down stays so for this (real time), that it be noticed. */
const DOWN_MS = 300;

const whileDown = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, DOWN_MS));

async function beginsAndSucceeds(world: World): Promise<void> {
  await world.agent.start();
  world.agent.invite();
  await world.until('the run was begun', () => world.begun > 0 || world.agent.final);
  if (world.begun > 0) await world.finish('succeeded');
  await world.endsAs(['succeeded']);
}

/** Nothing was said of the end while nobody could know it. */
const expectNoEnd = (world: World): void =>
  world.expect(world.agent.final === undefined, `while its system was down it was reported as ${world.agent.final?.verb}`);

export const STORIES_OF_TROUBLE: readonly Story[] = [
  {
    name: 'the answer to the beginning is lost: it is looked up, not begun again',
    needs: ['loseStartAnswer'],
    async tell(world) {
      world.subject.loseStartAnswer?.();
      await beginsAndSucceeds(world);
    },
  },
  {
    name: 'the beginning is answered by 502 after it was done: it is looked up, not begun again',
    needs: ['startAnswers502AfterDoing'],
    async tell(world) {
      world.subject.startAnswers502AfterDoing?.();
      await beginsAndSucceeds(world);
    },
  },
  {
    name: 'a slow system changes nothing',
    needs: ['slow'],
    async tell(world) {
      world.subject.slow?.();
      await beginsAndSucceeds(world);
    },
  },
  {
    name: 'its system is down before it begins: it waits, says why, and begins when it is back',
    needs: ['down', 'up'],
    async tell(world) {
      await world.subject.down?.();
      await world.agent.start();
      world.agent.invite();
      await world.until(
        'it says why it waits',
        () => world.agent.final || world.agent.reports.some((said) => said.verb === 'progress' && said.message),
      );
      expectNoEnd(world);
      await world.subject.up?.();
      await world.until('the run was begun', () => world.begun > 0 || world.agent.final);
      if (world.begun > 0) await world.finish('succeeded');
      await world.endsAs(['succeeded']);
    },
  },
  {
    name: 'its system is down while the run goes on, and back: the end is told',
    needs: ['down', 'up'],
    async tell(world) {
      await world.running();
      await world.subject.down?.();
      await whileDown();
      expectNoEnd(world);
      await world.subject.up?.();
      await world.finish('succeeded');
      await world.endsAs(['succeeded']);
    },
  },
  {
    name: 'its system is down when a killed agent comes back: it waits and looks, and does not begin again',
    needs: ['down', 'up'],
    async tell(world) {
      await world.running();
      world.agent.kill();
      await world.subject.down?.();
      await world.agent.start();
      await whileDown();
      expectNoEnd(world);
      await world.subject.up?.();
      await world.finish('succeeded');
      await world.endsAs(['succeeded']);
    },
  },
  {
    name: 'its system is down when the run is cancelled: cancelled is said only of what ended',
    needs: ['down', 'up'],
    async tell(world) {
      await world.running();
      await world.subject.down?.();
      world.agent.command('cancel');
      await world.until('it was asked to cancel', () => world.agent.executor.calls.includes('cancel') || world.agent.final);
      await whileDown();
      world.expect(
        world.agent.final === undefined || world.agent.final.verb === 'unknown',
        `with its system down it was reported as ${world.agent.final?.verb}`,
      );
      await world.subject.up?.();
      await world.endsAs(['cancelled', 'unknown']);
    },
  },
  {
    name: 'a person must act: it is asked for, and the run goes on when the person has',
    needs: ['askPerson', 'personActs'],
    async tell(world) {
      await world.running();
      await world.subject.askPerson?.(RUN_ID);
      await world.until('a person is asked', () => world.agent.final || world.agent.verbs.includes('actionRequired'));
      await world.subject.personActs?.(RUN_ID);
      await world.finish('succeeded');
      await world.endsAs(['succeeded']);
    },
  },
  {
    name: 'what a person is asked to confirm is asked once more by a new life, and goes on when it is confirmed',
    needs: ['asksToConfirm'],
    async tell(world) {
      const { agent } = world;
      world.subject.asksToConfirm?.();
      await agent.start();
      agent.invite();
      await world.until('a person is asked', () => agent.final || agent.question);
      await agent.restart();
      const before = agent.reports.length;
      await world.until(
        'the new life asks',
        () => agent.final || agent.reports.slice(before).some(({ verb }) => verb === 'actionRequired'),
      );
      agent.confirm();
      await world.until('the run was begun', () => world.begun > 0 || agent.final);
      if (world.goesOn) await world.finish('succeeded');
      await world.endsAs(['succeeded']);
    },
  },
  {
    name: 'hostile output and answers do no harm, and no secret is shown',
    needs: ['hostile'],
    async tell(world, k) {
      const hostilities = Object.entries(world.subject.hostile ?? {});
      const [name, hostility] = hostilities[k - 1] ?? [];
      if (name === undefined || !hostility) return;
      world.where = name;
      hostility.arrange();
      await world.agent.start();
      world.agent.invite();
      await world.until('the run was begun', () => world.begun > 0 || world.agent.final);
      if (world.goesOn) await world.finish('succeeded');
      await world.endsAs(hostility.endsAs ?? FINALS);
      return k < hostilities.length ? 'again' : undefined;
    },
  },
];
