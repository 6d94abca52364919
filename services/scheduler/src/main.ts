import { hostService } from '@slipway/hosting';
import { migrations } from './migrations.js';
import { createScheduler } from './parts.js';
import { tables } from './tables.js';

await hostService({ name: 'scheduler', tables, migrations, create: createScheduler });
