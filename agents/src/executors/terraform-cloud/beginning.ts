import type { TerraformCloudConfig } from '@slipway/contracts';
import type { Waiting } from '../../vendor/vendor-client.js';
import type { Run } from '../executor.js';
import type { TerraformCloudApi } from './api.js';

/** What every step before the run needs. */
export interface Beginning {
  run: Run;
  api: TerraformCloudApi;
  config: TerraformCloudConfig;
  /** Ends with `run.ending`: nothing is begun after. */
  wait: Waiting;
}

/** Waits for the server as long as the signal allows, and says why in the run's progress. */
export const waitingOf = (run: Run, signal: AbortSignal): Waiting => ({
  signal,
  waiting: (reason) => run.progress({ message: `waits: ${reason}` }),
});
