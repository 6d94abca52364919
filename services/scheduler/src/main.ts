import { subjects } from '@slipway/contracts';
import { hostService } from '@slipway/hosting';
import { sweepQueue } from '@slipway/messaging';
import { migrations } from './migrations.js';
import { createScheduler } from './parts.js';
import { tables } from './tables.js';

await hostService({
  name: 'scheduler',
  tables,
  migrations,
  create: (deps, { nats }) =>
    createScheduler({
      ...deps,
      // Core NATS, at most once: an agent that misses it hears the same with its next renewal.
      nudgeAgent: (agent) => {
        if (!nats.isClosed() && !nats.isDraining()) nats.publish(subjects.agentNudge(agent));
      },
      sweepQueue: async () => void (await sweepQueue(nats, 'JOBS')),
    }),
});
