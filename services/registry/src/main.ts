import { hostService } from '@slipway/hosting';
import { createTrust } from '@slipway/messaging';
import { readConfig } from '@slipway/runtime';
import { z } from 'zod';
import { natsAgentCredentials } from './enrolment/credentials.nats.js';
import { natsJobQueues } from './enrolment/job-queues.nats.js';
import { migrations } from './migrations.js';
import { createRegistry } from './parts.js';
import { tables } from './tables.js';

const registryConfigSchema = z.object({
  /** Addresses at which agents reach NATS, several with commas; those of the registry itself when agents use the same. */
  SLIPWAY_AGENT_NATS_URL: z
    .string()
    .transform((urls) => urls.split(',').map((url) => url.trim()))
    .optional(),
});

await hostService({
  name: 'registry',
  tables,
  migrations,
  async create(deps, { nats, config }) {
    const trust = await createTrust(config.SLIPWAY_TRUST);
    const servers = readConfig(registryConfigSchema).SLIPWAY_AGENT_NATS_URL ?? config.SLIPWAY_NATS_URL;
    return createRegistry({ ...deps, credentials: natsAgentCredentials(trust, servers, deps.clock), queues: natsJobQueues(nats) });
  },
});
