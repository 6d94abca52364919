import type { VersionPayload } from '@slipway/contracts';
import { SlipwayError, type Json, type Version, type VersionStatus } from '@slipway/core';
import { differencesOf } from '../apply/differences.js';

/** What publishing a version does: a new one, a new status of a known one, or nothing. */
export type VersionDecision =
  { kind: 'new'; version: Version } | { kind: 'status'; version: Version } | { kind: 'duplicate'; version: Version };

export interface Numbering {
  id: string;
  sequence: number;
  now: number;
}

/** Where CI may move a version by publishing it again with another status; everything else is a person's word. */
const STATUS_BY_CI: Readonly<Record<VersionStatus, readonly VersionStatus[]>> = {
  building: ['ready', 'failed'],
  failed: ['ready', 'building'],
  ready: [],
  rejected: [],
  paused: [],
};
/** A status that CI says late, or again, and that changes nothing: the version is past it. */
const STATUS_PAST: Readonly<Record<VersionStatus, readonly VersionStatus[]>> = {
  building: ['building'],
  failed: ['failed'],
  ready: ['building', 'ready'],
  rejected: ['building', 'ready', 'failed'],
  paused: ['building', 'ready', 'failed'],
};

const contentOf = (payload: Pick<Version, 'name' | 'config' | 'metadata' | 'dependsOn'> & { message?: string; author?: string }): Json => ({
  name: payload.name,
  config: payload.config,
  metadata: payload.metadata,
  dependsOn: payload.dependsOn as unknown as Json,
  message: payload.message,
  author: payload.author,
});

/** The version that a payload means. */
function versionOf(deployment: string, payload: VersionPayload, numbering: Numbering): Version {
  const { tag, name, status, config, metadata, message, author, dependsOn } = payload;
  return {
    id: numbering.id,
    deployment,
    tag,
    name: name ?? tag,
    status,
    sequence: numbering.sequence,
    config,
    metadata,
    ...(message === undefined ? {} : { message }),
    ...(author === undefined ? {} : { author }),
    dependsOn,
    createdAt: numbering.now,
  };
}

/**
 * What to do with a published version when `known` is the one with the same tag. The same payload is the same version; a building one may
 * become ready or failed, a failed one may be built again. Throws `registry.version.payloadDiffers` or `registry.version.statusDiffers`.
 */
export function decideVersion(
  deployment: string,
  payload: VersionPayload,
  known: Version | undefined,
  numbering: Numbering,
): VersionDecision {
  const version = versionOf(deployment, payload, numbering);
  if (!known) return { kind: 'new', version };
  const differences = differencesOf(contentOf(known), contentOf(version));
  if (differences.length > 0)
    throw new SlipwayError({
      code: 'registry.version.payloadDiffers',
      kind: 'conflict',
      message: `Publishing ${deployment} ${payload.tag}: it is recorded already and a version never changes; ${differences.join(', ')}. Publish what is new under a new tag.`,
      details: { deployment, tag: payload.tag, differences },
    });
  if (STATUS_PAST[known.status].includes(payload.status)) return { kind: 'duplicate', version: known };
  if (STATUS_BY_CI[known.status].includes(payload.status)) return { kind: 'status', version: { ...known, status: payload.status } };
  throw new SlipwayError({
    code: 'registry.version.statusDiffers',
    kind: 'conflict',
    message: `Publishing ${deployment} ${payload.tag} as ${payload.status}: it is ${known.status} already, and CI does not take that back; use slipway version status or reject`,
    details: { deployment, tag: payload.tag, status: known.status },
  });
}
