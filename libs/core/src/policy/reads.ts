import { compileExpression } from '../cel/compile.js';
import { SlipwayError } from '../errors.js';
import type { GateRule } from '../model/policy.js';

/** Whether a gate's answer can differ from target to target; the others are asked once for all. */
export function readsResource(rule: GateRule): boolean {
  switch (rule.kind) {
    case 'cooldown':
      return true;
    case 'dependency':
      return rule.where === 'sameResource';
    case 'versionSelector':
      return readsAny(rule.selector, ['resource']);
    case 'condition':
      return readsAny(rule.cel, ['resource', 'running']);
    default:
      return false;
  }
}

/** Whether a gate's answer can differ from version to version. A cooldown's does where the version has begun, which is asked for apart. */
export function readsVersion(rule: GateRule): boolean {
  switch (rule.kind) {
    case 'dependency':
    case 'window':
    case 'cooldown':
      return false;
    case 'condition':
      return readsAny(rule.cel, ['version']);
    default:
      return true;
  }
}

/** Whether a gate reads what is known of the judged target itself. */
export function readsOwnFact(rule: GateRule): boolean {
  return rule.kind === 'cooldown' || (rule.kind === 'condition' && readsAny(rule.cel, ['running']));
}

function readsAny(source: string, names: string[]): boolean {
  try {
    return compileExpression(source).roots.some((root) => names.includes(root));
  } catch (error) {
    if (error instanceof SlipwayError) return false;
    throw error;
  }
}
