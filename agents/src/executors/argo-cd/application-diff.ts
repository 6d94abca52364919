import { isDeepStrictEqual } from 'node:util';
import type { Json, JsonObject } from '@slipway/core';
import { cleanText } from '../../text.js';
import type { ManagedResource } from './api.js';
import type { Application } from './application.js';

const RESOURCES_MAX = 30;
const LINES_A_RESOURCE_MAX = 20;
const VALUE_LENGTH_MAX = 200;
/** Hostile states could nest without end. */
const DEPTH_MAX = 20;

/** What the run would change in the Application's spec, and how the cluster differs from what the Application says now. */
export function describeDiff(app: Application, wanted: JsonObject, resources: readonly ManagedResource[]): string {
  const spec = linesOf(app.spec, wanted, 'spec');
  const different = resources.filter((one) => !isDeepStrictEqual(parsed(one.normalizedLiveState), parsed(one.predictedLiveState)));
  const parts = [
    ...(spec.length > 0 ? [`the Application ${app.metadata.name}:\n${bounded(spec)}`] : []),
    ...different.slice(0, RESOURCES_MAX).map(describeResource),
    ...(different.length > RESOURCES_MAX ? [`and ${different.length - RESOURCES_MAX} resources more`] : []),
  ];
  if (parts.length === 0) return 'nothing: the cluster is as the Application says, and the Application stays as it is';
  const against = different.length > 0 ? ' (resources as compared to what the Application says now, before this run changes it)' : '';
  return `${parts.length} of ${resources.length + 1} differ${against}\n${parts.join('\n')}`;
}

function describeResource(resource: ManagedResource): string {
  const { kind = 'resource', namespace, name = '' } = resource;
  const title = cleanText(`${kind} ${namespace ? `${namespace}/` : ''}${name}`, VALUE_LENGTH_MAX);
  const live = parsed(resource.normalizedLiveState);
  const predicted = parsed(resource.predictedLiveState);
  if (live === null) return `${title}: will be created`;
  if (predicted === null) return `${title}: is not in the source any more`;
  // Argo CD masks values of Secrets; their names and number are nobody's business either.
  if (kind === 'Secret') return `${title}: differs (not shown)`;
  return `${title}:\n${bounded(linesOf(live, predicted, ''))}`;
}

const parsed = (state: string | undefined): Json => {
  try {
    return JSON.parse(state || 'null') as Json;
  } catch {
    // No state that can be compared is as good as none.
    return null;
  }
};

function linesOf(before: Json | undefined, after: Json | undefined, path: string, depth = 0): string[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (depth < DEPTH_MAX && isContainer(before) && isContainer(after) && Array.isArray(before) === Array.isArray(after)) {
    const [one, other] = [before as JsonObject, after as JsonObject];
    const keys = new Set([...Object.keys(one), ...Object.keys(other)]);
    return [...keys].flatMap((key) => linesOf(one[key], other[key], path === '' ? key : `${path}.${key}`, depth + 1));
  }
  return [`${path}: ${shown(before)} → ${shown(after)}`];
}

const isContainer = (value: Json | undefined): boolean => typeof value === 'object' && value !== null;
const shown = (value: Json | undefined): string => (value === undefined ? 'none' : cleanText(JSON.stringify(value), VALUE_LENGTH_MAX));

function bounded(lines: readonly string[]): string {
  const more = lines.length > LINES_A_RESOURCE_MAX ? [`and ${lines.length - LINES_A_RESOURCE_MAX} more`] : [];
  return [...lines.slice(0, LINES_A_RESOURCE_MAX), ...more].map((line) => `  ${line}`).join('\n');
}
