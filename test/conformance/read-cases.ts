import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { prettifyError } from 'zod';
import { caseFileSchema, type Case, type CaseFile, type DecidedCase, type Happening } from './case-schema.js';

const FOLDER = 'test/conformance';
/** The version that a case judges unless it says otherwise, and where. */
const JUDGED = { version: { deployment: 'checkout', tag: '1.2.1' }, in: 'production' };
export interface NamedFile extends CaseFile {
  file: string;
}

/** All files of cases; the second argument of a failure names the file and the key. */
export function readCaseFiles(): NamedFile[] {
  const folder = join(FOLDER, 'cases');
  return readdirSync(folder)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map((file) => {
      const read = caseFileSchema.safeParse(parse(readFileSync(join(folder, file), 'utf8')));
      if (!read.success) throw new Error(`${file}: ${prettifyError(read.error)}`);
      return { file, ...read.data };
    });
}

let world: object[] | undefined;

/** The documents of the world, with those of the case standing instead of, or beside, them. */
export function worldDocuments(one: Pick<Case, 'documents'>): object[] {
  world ??= parseAllDocuments(readFileSync(join(FOLDER, 'world.yaml'), 'utf8')).map((document) => document.toJS() as object);
  const own = one.documents ?? [];
  const replaced = new Set(own.map(titleOf));
  return [...world.filter((document) => !replaced.has(titleOf(document))), ...own];
}

function titleOf(document: object): string {
  const { kind, name, identifier } = document as { kind: string; name?: string; identifier?: string };
  return `${kind}/${kind === 'Resource' ? identifier : name}`;
}

/** The policies of a case as documents. */
export function policyDocuments({ rules, policies = [] }: Pick<Case, 'rules' | 'policies'>): object[] {
  const own = rules === undefined ? [] : [{ name: 'production', rules }];
  return [...own, ...policies].map((policy) => ({ kind: 'Policy', selector: 'environment.name == "production"', ...policy }));
}

/** Documents as one file. */
export function fileOf(documents: readonly object[], file = 'case.yaml'): { file: string; text: string } {
  return { file, text: documents.map((document) => JSON.stringify(document)).join('\n---\n') };
}

export interface Judged {
  deployment: string;
  environment: string;
  tag: string;
}

export function judgedBy({ judge = JUDGED }: DecidedCase): Judged {
  return { deployment: judge.version.deployment, environment: judge.in, tag: judge.version.tag };
}

/**
 * What happens in a case up to its first moment, in order. The judged version is published by carol right before it is first spoken of, unless
 * the case publishes it; policies are applied right before that, unless the case says when, so that what came before came about without them.
 */
export function storyOf(one: DecidedCase): Happening[] {
  const { deployment, tag } = judgedBy(one);
  const story = [...(one.history ?? [])];
  const isJudged = (of: unknown): boolean => {
    const { deployment: d, tag: t } = (of ?? {}) as { deployment?: string; tag?: string };
    return d === deployment && t === tag;
  };
  const speaksOfIt = (happening: Happening): boolean => Object.values(happening).some(isJudged);
  let first = story.findIndex(speaksOfIt);
  const publishes = first >= 0 && 'publish' in story[first]!;
  if (first < 0) first = story.length;
  const at = story[first]?.at ?? one.at;
  if (!publishes) story.splice(first, 0, { at, publish: { deployment, tag }, author: 'carol' });
  if (!story.some((happening) => 'policies' in happening)) story.splice(first, 0, { at, policies: 'apply' });
  return story;
}
