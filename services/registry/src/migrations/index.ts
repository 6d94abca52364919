import type { MigrationStep } from '@slipway/persistence';
import { step as step0001 } from './0001_initial.js';

/** The schema's history, oldest first; steps are made by scripts/make-migration.mjs. */
export const migrations: readonly MigrationStep[] = [step0001];
