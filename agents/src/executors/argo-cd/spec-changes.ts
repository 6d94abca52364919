import type { ArgoCdConfig, ArgoCdSourceChange } from '@slipway/contracts';
import type { Json, JsonObject } from '@slipway/core';
import { Refused } from '../executor.js';
import { specSources, type Application } from './application.js';

/** The spec that the Application is to have; its own where the config changes nothing. Throws `Refused` where a change does not fit. */
export function wantedSpec(config: ArgoCdConfig, existing: Application | undefined): JsonObject {
  if (config.template) return { ...(config.template.spec as JsonObject), project: config.application.project };
  const spec = existing?.spec ?? {};
  if (!config.sourceChanges) return spec;
  const sources = specSources(spec).map((source) => source);
  for (const change of config.sourceChanges) {
    const at = (change.position ?? 1) - 1;
    const source = sources[at];
    if (!source)
      throw new Refused(`sourceChanges names source ${at + 1}, and the Application ${config.application.name} has ${sources.length}`);
    sources[at] = withChange(source, change);
  }
  return Array.isArray(spec['sources']) && spec['sources'].length > 0 ? { ...spec, sources } : { ...spec, source: sources[0] ?? {} };
}

function withChange(source: JsonObject, { targetRevision, helmParameters, kustomizeImages }: ArgoCdSourceChange): JsonObject {
  const changed: JsonObject = { ...source };
  if (targetRevision !== undefined) changed['targetRevision'] = targetRevision;
  if (helmParameters) {
    const helm = objectOf(source['helm']);
    changed['helm'] = { ...helm, parameters: withParameters(listOf(helm['parameters']), helmParameters) };
  }
  if (kustomizeImages) {
    const kustomize = objectOf(source['kustomize']);
    const replaced = new Set(kustomizeImages.map(imageName));
    const kept = listOf(kustomize['images']).filter((image) => !replaced.has(imageName(String(image))));
    changed['kustomize'] = { ...kustomize, images: [...kept, ...kustomizeImages] };
  }
  return changed;
}

function withParameters(existing: readonly Json[], values: Readonly<Record<string, string>>): Json[] {
  const left = new Map(Object.entries(values));
  const kept = existing.map((one) => {
    const parameter = objectOf(one);
    const name = String(parameter['name']);
    const value = left.get(name);
    left.delete(name);
    return value === undefined ? parameter : { ...parameter, value };
  });
  return [...kept, ...[...left].map(([name, value]) => ({ name, value }))];
}

/** Which image an override is about: what stands before `=`, or the image without tag and digest. */
const imageName = (override: string): string =>
  override
    .split('=')[0]!
    .replace(/@.*$/, '')
    .replace(/:[^/:]*$/, '');

const objectOf = (value: Json | undefined): JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
const listOf = (value: Json | undefined): readonly Json[] => (Array.isArray(value) ? value : []);

/** The Application as it is sent to be created or updated. */
export function manifestOf(config: ArgoCdConfig, existing: Application | undefined): JsonObject {
  const { name, namespace } = config.application;
  const { labels, annotations, finalizers } = config.template ?? {};
  // An update takes labels and annotations together with those that are there, but replaces the finalizers.
  const kept = finalizers ?? existing?.metadata.finalizers;
  return {
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(labels ? { labels } : {}),
      ...(annotations ? { annotations } : {}),
      ...(kept && kept.length > 0 ? { finalizers: kept } : {}),
    },
    spec: wantedSpec(config, existing),
  };
}

/** What is synced by name, by position: what the config asks for instead of the spec's own. */
export const explicitRevisions = ({ revision, revisions }: ArgoCdConfig): readonly { position: number; revision: string }[] =>
  revision === undefined ? (revisions ?? []) : [{ position: 1, revision }];

/** Whether every explicit revision is what the spec says anyway: then what is compared afterwards is what was synced. */
export const revisionsAreTheSpecs = (config: ArgoCdConfig, spec: JsonObject): boolean =>
  explicitRevisions(config).every(({ position, revision }) => (specSources(spec)[position - 1]?.['targetRevision'] ?? 'HEAD') === revision);
