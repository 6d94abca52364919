import type { Json } from '@slipway/core';

/** What JSON escapes in a way that HCL does not know, and what begins a template in HCL. */
const OTHERWISE: Readonly<Record<string, string>> = { '\\b': '\\u0008', '\\f': '\\u000c', '${': '$${', '%{': '%%{' };

const quoted = (text: string): string => JSON.stringify(text).replace(/\\\\|\\[bf]|[$%]\{/g, (found) => OTHERWISE[found] ?? found);

/** A value as an expression of HCL; texts stay texts, whatever `${ }` they hold. */
export function hclLiteral(value: Json): string {
  if (typeof value === 'string') return quoted(value);
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(hclLiteral).join(', ')}]`;
  return `{${Object.entries(value)
    .map(([name, inner]) => `${quoted(name)} = ${hclLiteral(inner ?? null)}`)
    .join(', ')}}`;
}
