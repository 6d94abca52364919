import { hostService } from '@slipway/hosting';
import { migrations } from './migrations.js';
import { createPolicy } from './parts.js';
import { tables } from './tables.js';

await hostService({ name: 'policy', tables, migrations, create: createPolicy });
