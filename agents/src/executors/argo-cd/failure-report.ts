import { cleanText } from '../../text.js';
import type { ArgoCdApi, ResourceEvent, TreeNode } from './api.js';
import type { Application, OperationState, ResourceResult } from './application.js';

/** What a person reads of a failure: enough to begin with, the rest stands in Argo CD. */
const RESULTS_MAX = 5;
const RESOURCES_ASKED_MAX = 3;
const EVENTS_MAX = 3;
const MESSAGE_LENGTH_MAX = 2_000;
const PART_LENGTH_MAX = 300;

const FAILED_RESULTS = new Set(['SyncFailed']);
const FAILED_HOOKS = new Set(['Failed', 'Error']);

/** The operation's own message, the resources and hooks that failed in it, the Application's conditions, and events of what failed. */
export async function describeFailedSync(api: ArgoCdApi, app: Application, state: OperationState): Promise<string> {
  const failed = (state.syncResult?.resources ?? []).filter(
    ({ status, hookPhase }) => FAILED_RESULTS.has(status ?? '') || FAILED_HOOKS.has(hookPhase ?? ''),
  );
  const results = failed.slice(0, RESULTS_MAX).map((one) => `${nameOf(one)}: ${part(one.message)}`);
  if (failed.length > RESULTS_MAX) results.push(`and ${failed.length - RESULTS_MAX} more`);
  const said = `the sync ended as ${state.phase ?? 'nothing known'}: ${part(state.message)}`;
  return cleanText(
    [said, ...results, ...conditionsOf(app), ...(await eventsOf(api, (node) => failed.some((one) => isOf(node, one))))].join('; '),
    MESSAGE_LENGTH_MAX,
  );
}

/** The same for an Application that did not become healthy: what is degraded in it. */
export async function describeDegraded(api: ArgoCdApi, app: Application): Promise<string> {
  const bad = app.status.resources.filter(({ health }) => health?.status === 'Degraded' || health?.status === 'Missing');
  const resources = bad.slice(0, RESULTS_MAX).map((one) => `${nameOf(one)} is ${one.health?.status}: ${part(one.health?.message)}`);
  const parts = [...resources, ...conditionsOf(app), ...(await eventsOf(api, ({ health }) => health?.status === 'Degraded'))];
  return parts.map((one) => `; ${one}`).join('');
}

const conditionsOf = ({ status }: Application): string[] =>
  status.conditions
    .filter(({ type }) => type?.endsWith('Error'))
    .slice(0, RESULTS_MAX)
    .map(({ type, message }) => `${type}: ${part(message)}`);

/** Warnings of the cluster about these; that they can't be had takes nothing from the failure. */
async function eventsOf(api: ArgoCdApi, concerns: (node: TreeNode) => boolean): Promise<string[]> {
  try {
    const nodes = (await api.tree()).filter((node) => node.uid !== undefined && concerns(node)).slice(0, RESOURCES_ASKED_MAX);
    const told: string[] = [];
    for (const node of nodes) {
      const warnings = (await api.events(node)).filter(({ type }) => type !== 'Normal');
      told.push(...warnings.slice(-EVENTS_MAX).map((event) => `${nameOf(node)}: ${describeEvent(event)}`));
    }
    return told;
  } catch {
    return [];
  }
}

const describeEvent = ({ reason, message }: ResourceEvent): string => `${reason ?? 'event'}: ${part(message)}`;
const part = (text: string | undefined): string => cleanText((text ?? '').replace(/\s+/g, ' '), PART_LENGTH_MAX);
const nameOf = ({
  kind,
  namespace,
  name,
}: {
  kind?: string | undefined;
  namespace?: string | undefined;
  name?: string | undefined;
}): string => `${kind ?? 'resource'} ${namespace ? `${namespace}/` : ''}${name ?? ''}`;
const isOf = (node: TreeNode, { kind, namespace, name }: ResourceResult): boolean =>
  node.kind === kind && node.name === name && (node.namespace ?? '') === (namespace ?? '');
