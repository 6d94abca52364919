import { SlipwayError, type Json, type JsonObject } from '@slipway/core';
import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseAllDocuments, type Document, type Node } from 'yaml';

/** Where something stands in a document: field names and positions in lists. */
export type DocumentPath = readonly (string | number)[];

export interface SourceFile {
  /** As the person named it; only ever shown. */
  file: string;
  text: string;
}

export interface DocumentProblem {
  file: string;
  line: number;
  column: number;
  /** `Policy/production`, or empty while that is not known. */
  document: string;
  /** `rules[0].approval.required`, or empty for the whole document. */
  path: string;
  message: string;
}

/** Most problems that are told at once: an error must fit a message. */
const PROBLEMS_MAX = 200;
/** An alias that unfolds to more than this many nodes is a bomb. */
const ALIASES_MAX = 1_000;

/** `rules[0].approval.required`. */
export function formatPath(path: DocumentPath): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!/^[A-Za-z_][\w-]*$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** The path that `formatPath` wrote. */
export function parsePath(text: string): DocumentPath {
  return [...text.matchAll(/\[(\d+)\]|\["((?:[^"\\]|\\.)*)"\]|([^.[\]]+)/g)].map(([, position, quoted, name]) =>
    position !== undefined ? Number(position) : (quoted ?? name ?? ''),
  );
}

/** `mesh.yaml:42:5  Policy/production  rules[0].approval.required: 0 is too small; write at least 1`. */
export function formatProblem(problem: DocumentProblem): string {
  const where = `${problem.file}:${problem.line}:${problem.column}`;
  return `${[where, problem.document, problem.path].filter((part) => part !== '').join('  ')}: ${problem.message}`;
}

/** All problems of all files as one error. */
export function documentsInvalid(problems: readonly DocumentProblem[]): SlipwayError {
  const shown = problems.slice(0, PROBLEMS_MAX);
  const more = problems.length - shown.length;
  const lines = shown.map(formatProblem);
  if (more > 0) lines.push(`and ${more} more`);
  return new SlipwayError({
    code: 'registry.documents.invalid',
    kind: 'invalid',
    message: lines.join('\n'),
    details: { problems: shown as unknown as Json[] },
  });
}

/** One YAML document of a file: its value, and where each part of it stands. */
export interface DocumentSource {
  file: string;
  value: Json;
  /** 1-based line and column of the value at a path, or of its key; the nearest part above when there is none. */
  locate(path: DocumentPath, part?: 'value' | 'key'): { line: number; column: number };
}

function childOf(node: unknown, step: string | number, document: Document): { key: Node | undefined; value: Node | undefined } {
  const collection = isAlias(node) ? node.resolve(document) : node;
  if (isMap(collection)) {
    const pair = collection.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step));
    return { key: pair?.key as Node | undefined, value: pair?.value as Node | undefined };
  }
  if (isSeq(collection)) return { key: undefined, value: collection.items[Number(step)] as Node | undefined };
  return { key: undefined, value: undefined };
}

function locateIn(document: Document, counter: LineCounter, path: DocumentPath, part: 'value' | 'key'): { line: number; column: number } {
  let node = document.contents as Node | null;
  let offset = node?.range?.[0] ?? document.range?.[0] ?? 0;
  for (const [depth, step] of path.entries()) {
    const child = childOf(node, step, document);
    const wanted = part === 'key' && depth === path.length - 1 ? (child.key ?? child.value) : (child.value ?? child.key);
    if (wanted?.range) offset = wanted.range[0];
    if (!child.value) break;
    node = child.value;
  }
  const { line, col } = counter.linePos(offset);
  return { line, column: col };
}

/** JSON is YAML, but JSON.parse is a hundred times faster: positions are looked up only if there is something to complain about. */
function readJson(file: SourceFile): DocumentSource[] | undefined {
  if (!/^\s*\{/.test(file.text)) return undefined;
  try {
    const value = JSON.parse(file.text) as Json;
    const counter = new LineCounter();
    let document: Document | undefined;
    const locate: DocumentSource['locate'] = (path, part = 'value') => {
      document ??= parseAllDocuments(file.text, { lineCounter: counter })[0] as Document;
      return locateIn(document, counter, path, part);
    };
    return [{ file: file.file, value, locate }];
  } catch {
    return undefined;
  }
}

/** Split a file into its documents; what is no YAML becomes a problem. Empty documents are passed over. */
export function readSource(file: SourceFile, problems: DocumentProblem[]): DocumentSource[] {
  const json = readJson(file);
  if (json) return json;
  const counter = new LineCounter();
  const sources: DocumentSource[] = [];
  const complain = (offset: number, message: string): void => {
    const { line, col } = counter.linePos(offset);
    problems.push({ file: file.file, line, column: col, document: '', path: '', message });
  };
  for (const document of parseAllDocuments(file.text, { lineCounter: counter, prettyErrors: false }) as Document[]) {
    for (const error of document.errors) complain(error.pos[0], `is not YAML: ${error.message}`);
    if (document.errors.length > 0 || document.contents === null) continue;
    try {
      const value = document.toJS({ maxAliasCount: ALIASES_MAX }) as Json;
      if (value === null) continue;
      sources.push({ file: file.file, value, locate: (path, part = 'value') => locateIn(document, counter, path, part) });
    } catch (error) {
      complain(document.range?.[0] ?? 0, `is not YAML: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return sources;
}

/** The value at a path, undefined when nothing is there. */
export function valueAt(value: Json | undefined, path: DocumentPath): Json | undefined {
  let at: Json | undefined = value;
  for (const step of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = Array.isArray(at) ? at[Number(step)] : (at as JsonObject)[String(step)];
  }
  return at;
}
