import { atInstant } from './instants.js';
import type { Story } from './story.js';
import type { World } from './world.js';

/** The run's limit in the story of the time limit, in real time. */
const SHORT_LIMIT_MS = 2_000;

const shortLimit = ({ subject }: World): number => subject.shortLimitMs ?? SHORT_LIMIT_MS * subject.time.factor;

/** The executor was asked to end the run; whatever it answers, nothing is guessed. */
async function isCancelled(world: World): Promise<void> {
  world.agent.command('cancel');
  await world.endsAs(['cancelled']);
}

export const STORIES_OF_ENDING: readonly Story[] = [
  {
    name: 'cancelled before it began, it never begins',
    async tell(world) {
      const { agent } = world;
      await agent.start();
      agent.atInstants((name) => name === 'start is called' && agent.kill());
      agent.invite();
      await world.until('it was about to begin', () => !agent.alive || agent.final);
      agent.atInstants(undefined);
      agent.command('cancel');
      await agent.start();
      await world.endsAs(['cancelled']);
      world.expect(world.begun === 0, 'it was begun after it was cancelled');
    },
  },
  {
    name: 'cancelled at any instant, it ends as cancelled and nothing of it goes on',
    async tell(world, k) {
      await world.agent.start();
      world.agent.invite();
      const reached = await atInstant(world, k, () => world.agent.command('cancel'));
      if (!reached) return;
      await world.endsAs(['cancelled']);
      return 'again';
    },
  },
  {
    name: 'cancelled while it runs, it ends as cancelled and nothing of it goes on',
    async tell(world) {
      await world.running();
      await isCancelled(world);
      world.expect(world.agent.executor.calls.includes('cancel'), 'the executor was never asked to cancel');
    },
  },
  {
    name: 'cancelled and killed at any instant of that, the next life ends it',
    async tell(world, k) {
      await world.running();
      world.agent.command('cancel');
      let seen = 0;
      world.agent.atInstants((name) => {
        if (seen === 0 && name !== 'cancel is called') return;
        if (++seen !== k) return;
        world.where = `at instant ${k} of the cancel (${name})`;
        world.agent.kill();
      });
      await world.until('it is over or killed', () => !world.agent.alive || world.agent.final);
      world.agent.atInstants(undefined);
      if (world.agent.alive) return world.expect(world.agent.final?.verb === 'cancelled', `it ended as ${world.agent.final?.verb}`);
      await world.agent.start();
      await world.endsAs(['cancelled']);
      return 'again';
    },
  },
  {
    name: 'cancelled in the moment of its end, it ends once, as one or the other',
    async tell(world) {
      await world.running();
      const finished = world.finish('succeeded');
      world.agent.command('cancel');
      await finished;
      await world.endsAs(['succeeded', 'cancelled']);
    },
  },
  {
    name: 'cancelled after its end, nothing changes',
    async tell(world) {
      await world.running();
      await world.finish('succeeded');
      await world.endsAs(['succeeded']);
      const { executor, verbs } = world.agent;
      const run = executor.lastRun;
      if (run) world.expect(await executor.cancel(run, 'cancelled'), 'cancel after the end is not confirmed, though nothing goes on');
      if (run) world.expect((await executor.observe(run)) === 'succeeded', 'after the end and a cancel, observe does not say succeeded');
      world.agent.command('cancel');
      world.expect(world.agent.verbs.length === verbs.length, 'after the end, something was reported');
    },
  },
  {
    name: 'a run that never ends is stopped when its time is over',
    async tell(world) {
      await world.running({ runMs: shortLimit(world) });
      await world.endsAs(['timedOut']);
    },
  },
  {
    name: 'a cancel that can not be confirmed is unknown',
    needs: ['ignoreCancel'],
    async tell(world) {
      world.subject.ignoreCancel?.();
      await world.running();
      world.agent.command('cancel');
      await world.endsAs(['unknown']);
    },
  },
  {
    name: 'not this agent’s any more (stop), it says nothing more and follows no more',
    async tell(world) {
      await world.running();
      const { executor } = world.agent;
      const said = world.agent.verbs.length;
      world.agent.command('stop');
      await world.until('the run is not followed any more', () => executor.following === 0);
      if (world.goesOn) await world.finish('succeeded');
      world.expect(world.agent.verbs.length === said, `after it was stopped it said ${world.agent.verbs.slice(said).join(', ')}`);
    },
  },
  {
    name: 'stopped at any instant, it begins nothing later, and another agent takes over',
    async tell(world, k) {
      await world.agent.start();
      world.agent.invite();
      const reached = await atInstant(world, k, () => world.agent.command('stop'));
      if (!reached) return;
      await world.other.start();
      world.other.invite({ epoch: 2, observeFirst: true });
      if (!world.subject.observesElsewhere) await world.endsAs(['unknown'], world.other);
      else {
        await world.until('the run was begun', () => world.begun > 0 || world.other.final);
        if (world.goesOn) await world.finish('succeeded');
        await world.endsAs(['succeeded', 'cancelled', 'failed'], world.other);
      }
      return 'again';
    },
  },
];
