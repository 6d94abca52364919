import {
  checkExpression,
  checkTemplate,
  compileExpression,
  METRIC_CONDITION_NAMES,
  POOL_NAMES,
  RESOURCE_NAMES,
  SET_SELECTOR_NAMES,
  SlipwayError,
  splitTemplate,
  TEMPLATE_NAMES,
  VALUE_SELECTOR_NAMES,
  VARIABLE_NAMES,
  type CompiledExpression,
  type ExecutorSpec,
  type Json,
  type JsonObject,
  type ProviderSpec,
} from '@slipway/core';
import { checkExecutorConfig, checkProviderConfig, warnOfExecutor, warnOfProvider } from './config-check.js';
import type { ReadDocument } from './read.js';
import { metricUsesOf } from './resolve.js';
import { didYouMean } from './suggest.js';
import { valueAt, type DocumentPath, type DocumentProblem } from './source.js';

/** Complains about a document at a path. */
type Complain = (path: DocumentPath, message: string, part?: 'value' | 'key') => void;

export interface CheckedDocument {
  problems: DocumentProblem[];
  warnings: DocumentProblem[];
}

/** Every text in a value with its path. */
function* texts(value: Json | undefined, path: DocumentPath): Generator<{ text: string; path: DocumentPath }> {
  if (typeof value === 'string') yield { text: value, path };
  else if (Array.isArray(value)) for (const [i, entry] of value.entries()) yield* texts(entry, [...path, i]);
  else if (typeof value === 'object' && value !== null)
    for (const [key, entry] of Object.entries(value)) yield* texts(entry, [...path, key]);
}

function checkCel(source: Json | undefined, names: readonly string[], path: DocumentPath, complain: Complain): void {
  if (typeof source !== 'string') return;
  for (const issue of checkExpression(source, names, 'boolean')) complain(path, issue.message);
}

function checkTemplates(value: Json | undefined, names: readonly string[], path: DocumentPath, complain: Complain): void {
  for (const { text, path: at } of texts(value, path)) for (const issue of checkTemplate(text, names)) complain(at, issue.message);
}

/** The fields of a metric that hold CEL or templates, and its provider's config. */
function checkMetric(metric: Json | undefined, at: DocumentPath, complain: Complain, warn: Complain): void {
  const provider = valueAt(metric, ['provider']) as ProviderSpec | undefined;
  for (const field of ['successCondition', 'failureCondition'])
    checkCel(valueAt(metric, [field]), METRIC_CONDITION_NAMES, [...at, field], complain);
  if (provider === undefined) return;
  for (const { path, message, about } of checkProviderConfig(provider)) complain([...at, 'provider', ...path], message, about);
  checkTemplates(provider, TEMPLATE_NAMES, [...at, 'provider'], complain);
  const warning = warnOfProvider(provider.type);
  if (warning !== undefined) warn([...at, 'provider', 'type'], warning);
}

/** What the deployment declares, defaults and values by selector with it. */
function checkVariables(declared: JsonObject, complain: Complain): void {
  for (const [name, variable] of Object.entries(declared)) {
    const at = ['variables', name];
    checkTemplates(valueAt(variable, ['default']), VARIABLE_NAMES, [...at, 'default'], complain);
    const given = valueAt(variable, ['values']);
    for (const [i, one] of Array.isArray(given) ? given.entries() : []) {
      checkCel(valueAt(one, ['selector']), VALUE_SELECTOR_NAMES, [...at, 'values', i, 'selector'], complain);
      checkTemplates(valueAt(one, ['value']), VARIABLE_NAMES, [...at, 'values', i, 'value'], complain);
    }
  }
}

/** Expressions in a text, as far as they can be read; what cannot was complained about. */
function expressionsIn(text: string, isCondition: boolean): CompiledExpression[] {
  try {
    if (isCondition) return [compileExpression(text)];
    return splitTemplate(text).flatMap((part) => ('source' in part ? compileExpression(part.source) : []));
  } catch (error) {
    if (error instanceof SlipwayError) return [];
    throw error;
  }
}

/** Variables that the deployment's own templates and conditions ask for, and that it does not declare: they would never have a value. */
function checkUndeclared(value: Json, declared: readonly string[], complain: Complain): void {
  const parts: DocumentPath[] = [['pool'], ['executor'], ['verification']];
  for (const part of parts)
    for (const { text, path } of texts(valueAt(value, part), part)) {
      const isCondition = part[0] === 'verification' && /Condition$/.test(String(path.at(-1)));
      if (!isCondition && !text.includes('{{')) continue;
      const asked = expressionsIn(text, isCondition).flatMap(({ reads }) => reads.map((read) => read.split('.')));
      for (const name of new Set(asked.flatMap(([root, name]) => (root === 'variables' && name !== undefined ? [name] : []))))
        if (!declared.includes(name))
          complain(path, `there is no variable ${name}; declare it under variables${didYouMean(name, declared)}`);
    }
}

function checkDeployment(value: Json, complain: Complain, warn: Complain): void {
  const executor = valueAt(value, ['executor']) as ExecutorSpec;
  checkCel(valueAt(value, ['resources']), RESOURCE_NAMES, ['resources'], complain);
  checkTemplates(valueAt(value, ['pool']), POOL_NAMES, ['pool'], complain);
  for (const { path, message, about } of checkExecutorConfig(executor)) complain(['executor', ...path], message, about);
  checkTemplates(executor, TEMPLATE_NAMES, ['executor'], complain);
  const declared = (valueAt(value, ['variables']) ?? {}) as JsonObject;
  checkVariables(declared, complain);
  checkUndeclared(value, Object.keys(declared), complain);
  const warning = warnOfExecutor(executor.type);
  if (warning !== undefined) warn(['executor', 'type'], warning);
}

/** Check the CEL, templates and known configs of one document; it was read without problems. */
export function checkExpressions(document: ReadDocument): CheckedDocument {
  const checked: CheckedDocument = { problems: [], warnings: [] };
  const complain: Complain = (path, message, part) => checked.problems.push(document.problem(path, message, part));
  const warn: Complain = (path, message, part) => checked.warnings.push(document.problem(path, message, part));
  const { written, value } = document;
  if (written.doc === null) return checked;
  if (written.kind === 'environment') checkCel(written.doc.resources, RESOURCE_NAMES, ['resources'], complain);
  if (written.kind === 'variableSet') checkCel(written.doc.selector, SET_SELECTOR_NAMES, ['selector'], complain);
  if (written.kind === 'variableSet' || written.kind === 'resource')
    checkTemplates(valueAt(value, ['variables']), VARIABLE_NAMES, ['variables'], complain);
  if (written.kind === 'metric') checkMetric(value, [], complain, warn);
  if (written.kind === 'deployment') checkDeployment(value, complain, warn);
  if (written.kind === 'deployment' || written.kind === 'policy')
    for (const { path } of metricUsesOf(written.doc)) checkMetric(valueAt(value, path), path, complain, warn);
  return checked;
}
