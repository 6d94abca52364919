import { open } from 'node:fs/promises';
import { jsonObjectSchema, OUTPUTS_BYTES_MAX } from '@slipway/contracts';
import type { JsonObject } from '@slipway/core';
import { printable } from '../../text.js';

export type Outputs = { outputs?: JsonObject; problem?: string };

/** Read what a program wrote to its outputs file: a JSON object, or lines of KEY=VALUE. What can't be used is said in `problem`. */
export async function readOutputs(file: string): Promise<Outputs> {
  let text: string;
  try {
    const handle = await open(file, 'r');
    try {
      const buffer = Buffer.alloc(OUTPUTS_BYTES_MAX + 1);
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0);
      if (bytesRead > OUTPUTS_BYTES_MAX) return { problem: `outputs left out: the file is larger than ${OUTPUTS_BYTES_MAX} bytes` };
      text = buffer.toString('utf8', 0, bytesRead);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    return { problem: `outputs left out: the file could not be read (${(error as NodeJS.ErrnoException).code ?? String(error)})` };
  }
  if (text.trim() === '') return {};
  return text.trimStart().startsWith('{') ? fromJson(text) : fromLines(text);
}

function fromJson(text: string): Outputs {
  try {
    // Strings are made printable inside the JSON text: PostgreSQL takes no NUL, however it is written.
    const clean: unknown = JSON.parse(text, (_key, value: unknown) => (typeof value === 'string' ? printable(value) : value));
    return { outputs: jsonObjectSchema.parse(clean) };
  } catch (error) {
    return { problem: `outputs left out: the file is no JSON object (${(error as Error).message.slice(0, 200)})` };
  }
}

function fromLines(text: string): Outputs {
  const entries: [string, string][] = [];
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const found = /^([A-Za-z_][A-Za-z0-9_.-]{0,99})=(.*)$/.exec(line);
    if (!found) return { problem: `outputs left out: line ${at + 1} is not KEY=VALUE` };
    if (found[1] !== '__proto__') entries.push([found[1] as string, printable(found[2] ?? '')]);
  }
  return { outputs: Object.fromEntries(entries) };
}
