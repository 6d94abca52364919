import type { Json, JsonObject, ResourceDoc } from '@slipway/core';
import type { z } from 'zod';
import { check, show, type Complaint } from './issues.js';
import { absentResourceSchema, absentSchema, documentSchemas, inventoryKindOf, type DocumentKind, type WrittenDocument } from './kinds.js';
import { didYouMean } from './suggest.js';
import { formatPath, readSource, type DocumentPath, type DocumentProblem, type DocumentSource, type SourceFile } from './source.js';

/** A document with its place, so that later checks can complain at the right line. */
export interface ReadDocument {
  written: WrittenDocument;
  /** Its YAML value; an entry of `kind: Resources` is the entry. */
  value: JsonObject;
  /** `Policy/production`. */
  title: string;
  problem(path: DocumentPath, message: string, part?: 'value' | 'key'): DocumentProblem;
}

export interface ReadResult {
  documents: ReadDocument[];
  problems: DocumentProblem[];
}

const isObject = (value: Json | undefined): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

const titleOf = (kind: string, value: Json | undefined): string => {
  const name = isObject(value) ? (value['name'] ?? value['identifier']) : undefined;
  const called = isObject(value) && kind === 'Resource' ? (value['identifier'] ?? name) : name;
  return typeof called === 'string' ? `${kind}/${called}` : kind;
};

function problemMaker(source: DocumentSource, title: string, prefix: DocumentPath): ReadDocument['problem'] {
  return (path, message, part = 'value') => ({
    file: source.file,
    ...source.locate([...prefix, ...path], part),
    document: title,
    path: formatPath([...prefix, ...path]),
    message,
  });
}

/** Read one document; what is wrong with it is added to the problems. */
function readDocument(source: DocumentSource, problems: DocumentProblem[]): ReadDocument[] {
  const value = source.value;
  const complain = problemMaker(source, '', []);
  if (!isObject(value)) {
    problems.push(complain([], `is ${show(value)}; write an object that begins with kind:, like kind: System`));
    return [];
  }
  const known = Object.keys(documentSchemas);
  const kind = value['kind'];
  if (typeof kind !== 'string' || !known.includes(kind)) {
    const wrong = kind === undefined ? 'is missing' : `${show(kind)} is not a kind of document`;
    problems.push(complain(['kind'], `${wrong}; write one of ${known.join(', ')}${didYouMean(String(kind), known)}`));
    return [];
  }
  if (kind === 'Resources') return readResources(source, value, problems);
  const title = titleOf(kind, value);
  const problem = problemMaker(source, title, []);
  const schema: z.ZodType =
    value['state'] === 'absent' ? (kind === 'Resource' ? absentResourceSchema : absentSchema) : documentSchemas[kind as DocumentKind];
  const result = check(schema, value);
  if ('complaints' in result) {
    problems.push(...result.complaints.map((c: Complaint) => problem(c.path, c.message, c.about)));
    return [];
  }
  const name = String(kind === 'Resource' ? value['identifier'] : value['name']);
  const doc = value['state'] === 'absent' ? null : result.data;
  return [{ written: { kind: inventoryKindOf(kind as DocumentKind), name, doc } as WrittenDocument, value, title, problem }];
}

function readResources(source: DocumentSource, value: JsonObject, problems: DocumentProblem[]): ReadDocument[] {
  const result = check(documentSchemas.Resources, value);
  const items = Array.isArray(value['items']) ? value['items'] : [];
  if ('complaints' in result) {
    for (const { path, message, about } of result.complaints) {
      const item = path[0] === 'items' && typeof path[1] === 'number' ? items[path[1]] : undefined;
      problems.push(problemMaker(source, titleOf(item === undefined ? 'Resources' : 'Resource', item), [])(path, message, about));
    }
    return [];
  }
  return result.data.map((doc: ResourceDoc, i): ReadDocument => {
    const title = `Resource/${doc.identifier}`;
    return {
      written: { kind: 'resource', name: doc.identifier, doc },
      value: items[i] as JsonObject,
      title,
      problem: problemMaker(source, title, ['items', i]),
    };
  });
}

/**
 * Read all documents of all files. Every problem of every file is given at once; documents with problems are left out of `documents`.
 * References to other documents and CEL are checked by `checkDocuments`.
 */
export function readDocuments(files: readonly SourceFile[]): ReadResult {
  const problems: DocumentProblem[] = [];
  const documents: ReadDocument[] = [];
  const seen = new Map<string, ReadDocument>();
  for (const file of files) {
    for (const source of readSource(file, problems)) {
      for (const document of readDocument(source, problems)) {
        const first = seen.get(document.title);
        if (first) {
          const { file: where, line } = first.problem([], '');
          problems.push(document.problem([], `is written twice, first at ${where}:${line}; keep one of them`));
        } else seen.set(document.title, document);
        documents.push(document);
      }
    }
  }
  return { documents, problems };
}
