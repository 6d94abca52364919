import type { z } from 'zod';
import { argoCdExecutorSchema } from './executors/argo-cd.js';
import { commandExecutorSchema } from './executors/command.js';
import { githubActionsExecutorSchema } from './executors/github-actions.js';
import { terraformCloudExecutorSchema } from './executors/terraform-cloud.js';
import { terraformExecutorSchema } from './executors/terraform.js';
import { argoCdHealthProviderSchema } from './providers/argo-cd-health.js';
import { commandProviderSchema } from './providers/command.js';
import { datadogProviderSchema } from './providers/datadog.js';
import { httpProviderSchema } from './providers/http.js';
import { prometheusProviderSchema } from './providers/prometheus.js';
import { sleepProviderSchema } from './providers/sleep.js';
import { terraformCloudRunProviderSchema } from './providers/terraform-cloud-run.js';

/*
 * Configs of the executors and providers that Slipway knows. The agent parses the rendered config with these; at apply the registry checks
 * the template with `checkConfig` (documents/config-check.ts), which lets a field pass that holds `{{ }}`.
 */

/** Schemas by executor type. A type that is not here may still be served by an agent that has it. */
export const executorSchemas: Readonly<Record<string, z.ZodType>> = {
  'argo-cd': argoCdExecutorSchema,
  command: commandExecutorSchema,
  'github-actions': githubActionsExecutorSchema,
  terraform: terraformExecutorSchema,
  'terraform-cloud': terraformCloudExecutorSchema,
};

/** Schemas by provider type. */
export const providerSchemas: Readonly<Record<string, z.ZodType>> = {
  argoCdHealth: argoCdHealthProviderSchema,
  command: commandProviderSchema,
  datadog: datadogProviderSchema,
  http: httpProviderSchema,
  prometheus: prometheusProviderSchema,
  sleep: sleepProviderSchema,
  terraformCloudRun: terraformCloudRunProviderSchema,
};
