import path from 'node:path';
import type { CommandExecutorConfig } from '@slipway/contracts';
import type { Grant } from '../../ports.js';
import type { Run } from '../executor.js';

/** What programs get of the agent's own environment: enough to run, and none of its secrets. */
const PASSED = [
  'PATH',
  'HOME',
  'USER',
  'LOGNAME',
  'SHELL',
  'LANG',
  'LC_ALL',
  'LC_CTYPE',
  'TZ',
  'TMPDIR',
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'NO_PROXY',
  'http_proxy',
  'https_proxy',
  'no_proxy',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  'NODE_EXTRA_CA_CERTS',
] as const;

/** The part of the agent's environment that programs may see: the fixed list and what the site's owner named besides. */
export function passedEnvironment(environment: NodeJS.ProcessEnv, more: readonly string[]): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of [...PASSED, ...more]) {
    const value = environment[name];
    if (value !== undefined) passed[name] = value;
  }
  return passed;
}

export const outputsFile = (run: Run, config: CommandExecutorConfig): string =>
  config.outputs === undefined ? path.join(run.directory, 'outputs') : path.resolve(workingDirectory(run, config), config.outputs);

export const workingDirectory = (run: Run, config: CommandExecutorConfig): string =>
  path.resolve(config.directory ?? path.join(run.directory, 'work'));

export const CONTEXT_FILE = 'context.json';
export const contextFile = (run: Run): string => path.join(run.directory, CONTEXT_FILE);

/** The environment of a run's program. What Slipway says of the job can't be overridden by config. */
export function programEnvironment(
  run: Run,
  config: CommandExecutorConfig,
  passed: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    ...passed,
    ...config.env,
    ...run.secrets,
    ...jobEnvironment(run.grant),
    SLIPWAY_OUTPUTS: outputsFile(run, config),
    SLIPWAY_CONTEXT: contextFile(run),
  };
}

/** What every program of a job is told of it. */
export function jobEnvironment(grant: Grant): Record<string, string> {
  const { weight, slot } = (grant.spec.context['job'] ?? {}) as { weight?: number; slot?: string };
  return {
    SLIPWAY_JOB: grant.job,
    SLIPWAY_ATTEMPT: String(grant.attempt),
    SLIPWAY_KIND: grant.kind,
    ...(weight === undefined ? {} : { SLIPWAY_WEIGHT: String(weight) }),
    ...(slot === undefined ? {} : { SLIPWAY_SLOT: slot }),
    SLIPWAY_DEPLOYMENT: grant.deployment,
    SLIPWAY_ENVIRONMENT: grant.environment,
    SLIPWAY_RESOURCE: grant.resource,
    SLIPWAY_VERSION: grant.version,
  };
}
