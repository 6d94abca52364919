import semver from 'semver';
import { compileExpression, evaluateBoolean } from '../../cel/compile.js';
import type { DecisionInput } from '../../model/facts.js';
import type { JsonObject } from '../../model/json.js';
import { placesOf, runsMatching, type Other, type Requirement } from '../dependency.js';
import { factOf } from '../rule-result.js';
import type { MissingFact } from './missing-fact.js';

/** That another deployment must run, as one rule or the version itself wants it. */
export interface Wanted {
  blocker: string;
  other: Other;
  requirement: Requirement;
}

/** Where other deployments must still run what the rules want, each target once with a version that satisfies all that look at it. */
export function missingRunning(wanted: readonly Wanted[], input: DecisionInput): MissingFact[] {
  const places = new Map<string, { other: Other; resource: string; requirements: Requirement[]; blocker: string; lacks: boolean }>();
  const facts: MissingFact[] = [];
  for (const { blocker, other, requirement } of wanted) {
    const asked = requirement.where === 'sameResource' ? input.targets : input.targets.slice(0, 1);
    const there = new Set(asked.flatMap((target) => [...placesOf(other, requirement, target.identifier)]));
    const name = other.deployment.name;
    const place = requirement.where === 'sameResource' ? 'this resource' : input.environment.name;
    if (asked.some((target) => placesOf(other, requirement, target.identifier).length === 0))
      facts.push({ kind: 'other', blocker, what: `a target of ${name} at ${place}` });
    for (const resource of there) {
      const key = `${name}/${resource}`;
      const at = places.get(key) ?? { other, resource, requirements: [], blocker, lacks: false };
      places.set(key, at);
      at.requirements.push(requirement);
      at.lacks ||= runsMatching(other, requirement, input, factOf(input, name, input.environment.name, resource)) !== true;
    }
  }
  const versions = new Map<string, ReturnType<typeof versionFor>>();
  for (const { other, resource, requirements, blocker, lacks } of places.values()) {
    if (!lacks) continue;
    const { name } = other.deployment;
    // The same for all places that the same rules look at.
    const key = `${name} ${JSON.stringify(requirements)}`;
    if (!versions.has(key)) versions.set(key, versionFor(name, requirements, input));
    const version = versions.get(key);
    const asked = [...new Set(requirements.map((one) => one.version))].join(' and ');
    const what = `${name} ${asked} in ${input.environment.name}`;
    facts.push(version ? { kind: 'running', deployment: name, resource, version, wanted: what } : { kind: 'other', blocker, what });
  }
  return facts;
}

/** The newest version that satisfies them all, else the least that ranges allow. */
function versionFor(name: string, requirements: readonly Requirement[], input: DecisionInput): { id: string; tag: string } | undefined {
  const known = [...input.versions.values()].filter((one) => one.deployment === name).sort((a, b) => b.sequence - a.sequence);
  const fits = known.find((version) =>
    requirements.every((requirement) => {
      if (requirement.versionIs === 'range')
        return semver.valid(version.tag) !== null && semver.satisfies(version.tag, requirement.version);
      const answer = evaluateBoolean(compileExpression(requirement.version), { version } as unknown as JsonObject);
      return 'value' in answer && answer.value;
    }),
  );
  if (fits) return { id: fits.id, tag: fits.tag };
  if (requirements.some((requirement) => requirement.versionIs === 'cel')) return undefined;
  const ranges = requirements.map((requirement) => requirement.version);
  if (ranges.some((range) => semver.validRange(range) === null)) return undefined;
  const least = ranges.flatMap((range) => semver.minVersion(range)?.version ?? []);
  const tag = least.find((one) => ranges.every((range) => semver.satisfies(one, range)));
  return tag === undefined ? undefined : { id: `${name} ${tag}`, tag };
}
