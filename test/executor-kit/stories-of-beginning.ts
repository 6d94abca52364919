import { atInstant } from './instants.js';
import type { Story } from './story.js';
import type { World } from './world.js';

/** Whatever happened before, the run now goes on, or begins; it ends well, and the agent says so. */
async function endsWell(world: World, agent = world.agent): Promise<void> {
  await world.until('the run was begun', () => world.begun > 0 || agent.final);
  if (world.begun > 0) await world.finish('succeeded');
  await world.endsAs(['succeeded'], agent);
}

export const STORIES_OF_BEGINNING: readonly Story[] = [
  {
    name: 'a run that succeeds is begun once and reported once',
    async tell(world) {
      await world.running();
      await endsWell(world);
      world.expect(world.agent.verbs[0] === 'started' || world.agent.verbs[0] === 'succeeded', 'its first report is not that it started');
    },
  },
  {
    name: 'a run that fails is reported as failed',
    async tell(world) {
      await world.running();
      await world.finish('failed');
      await world.endsAs(['failed']);
    },
  },
  {
    name: 'start twice is one run',
    async tell(world) {
      await world.running();
      const { executor } = world.agent;
      if (executor.lastRun) await executor.start(executor.lastRun);
      await endsWell(world);
    },
  },
  {
    name: 'started by two lives of an agent is one run',
    async tell(world) {
      await world.running();
      await world.agent.restart();
      const { executor } = world.agent;
      await world.until('the new life follows the run', () => executor.following > 0 || world.agent.final);
      if (executor.lastRun) await executor.start(executor.lastRun);
      await endsWell(world);
    },
  },
  {
    name: 'killed at any instant and restarted, it observes and does not begin again',
    async tell(world, k) {
      await world.agent.start();
      world.agent.invite();
      const killed = await atInstant(world, k, () => world.agent.kill());
      if (!killed) return;
      await world.agent.start();
      await endsWell(world);
      return 'again';
    },
  },
  {
    name: 'killed at any instant, and the run had ended when it came back',
    async tell(world, k) {
      await world.agent.start();
      world.agent.invite();
      const killed = await atInstant(world, k, () => world.agent.kill());
      if (!killed) return;
      const begun = world.begun > 0;
      if (begun) await world.finish('failed');
      await world.agent.start();
      if (begun) await world.endsAs(['failed']);
      else await endsWell(world);
      return 'again';
    },
  },
  {
    name: 'what it noted is only a cache: without its notes a new life finds the run all the same',
    async tell(world) {
      await world.running();
      world.agent.kill();
      world.agent.forgetNotes();
      await world.agent.start();
      await endsWell(world);
    },
  },
  {
    name: 'taken up again under a newer lease in the midst of the beginning, it is begun once',
    async tell(world, k) {
      await world.agent.start();
      world.agent.invite();
      const reached = await atInstant(world, k, () => void world.agent.takeUpAgain({ epoch: 2, observeFirst: true }));
      if (!reached) return;
      await world.until('the run was begun', () => world.begun > 0 || world.agent.final);
      if (world.begun > 0) await world.finish('succeeded');
      await world.endsAs(['succeeded', ...(world.subject.observesElsewhere ? [] : ['unknown'])]);
      return 'again';
    },
  },
  {
    name: 'another agent of the pool that gets the job when the first was killed at any instant does not begin it again',
    async tell(world, k) {
      await world.agent.start();
      world.agent.invite();
      const killed = await atInstant(world, k, () => world.agent.kill());
      if (!killed) return;
      await world.other.start();
      world.other.invite({ epoch: 2, observeFirst: true });
      if (world.subject.observesElsewhere) await endsWell(world, world.other);
      else await world.endsAs(['unknown'], world.other);
      return 'again';
    },
  },
  {
    name: 'another agent that may only look (observeOnly) begins nothing',
    needs: ['observesElsewhere'],
    async tell(world) {
      await world.other.start();
      world.other.invite({ epoch: 2, observeFirst: true, observeOnly: true });
      await world.endsAs(['cancelled'], world.other);
      world.expect(world.begun === 0, 'it was begun, though it might only be looked at');
    },
  },
  {
    name: 'another agent tells how a run ended that the first had begun',
    needs: ['observesElsewhere'],
    async tell(world) {
      await world.running();
      world.agent.kill();
      await world.finish('failed');
      await world.other.start();
      world.other.invite({ epoch: 2, observeFirst: true });
      await world.endsAs(['failed'], world.other);
    },
  },
];
