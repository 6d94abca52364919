import type { Executor } from './executors/executor.js';
import { ArgoCdExecutor } from './executors/argo-cd/argo-cd.js';
import { CommandExecutor } from './executors/command/command.js';
import { GithubActionsExecutor } from './executors/github-actions/github-actions.js';
import { noopExecutor } from './executors/noop.js';
import { TerraformCloudExecutor } from './executors/terraform-cloud/terraform-cloud.js';
import { TerraformExecutor } from './executors/terraform/terraform.js';
import type { AgentClock, Timers } from './ports.js';
import { argoCdHealthProvider } from './providers/argo-cd-health.js';
import { commandProvider } from './providers/command.js';
import { datadogProvider } from './providers/datadog.js';
import { httpProvider } from './providers/http.js';
import { prometheusProvider } from './providers/prometheus.js';
import type { Provider } from './providers/provider.js';
import { sleepProvider } from './providers/sleep.js';
import { terraformCloudRunProvider } from './providers/terraform-cloud-run.js';
import type { VendorClients } from './vendor/vendor-clients.js';

export interface CatalogParts {
  /** What programs see of the agent's own environment. */
  passed: Readonly<Record<string, string>>;
  clients: VendorClients;
  clock: AgentClock;
  timers: Timers;
  /** Also `noop`, for trials and benchmarks. */
  noop: boolean;
}

/** Every executor this program has. */
export const allExecutors = ({ passed, noop, clients, clock, timers }: CatalogParts): Executor[] => [
  new ArgoCdExecutor(clients),
  new CommandExecutor(passed),
  new GithubActionsExecutor(clients, { clock, timers }),
  new TerraformCloudExecutor(clients),
  new TerraformExecutor(passed),
  ...(noop ? [noopExecutor] : []),
];

/** Every provider of measurements this program has. */
export const allProviders = ({ passed, clients }: CatalogParts): Provider[] => [
  argoCdHealthProvider(clients),
  commandProvider(passed),
  datadogProvider(clients),
  httpProvider,
  prometheusProvider(clients),
  sleepProvider,
  terraformCloudRunProvider(clients),
];
