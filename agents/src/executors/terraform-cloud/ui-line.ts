import { z } from 'zod';

/** A line of Terraform's machine-readable output, which the log is made of where a workspace has structured run output. */
const uiLineSchema = z.object({
  '@message': z.string(),
  diagnostic: z
    .object({ severity: z.string(), summary: z.string(), detail: z.string().catch('') })
    .optional()
    .catch(undefined),
});

/** A line of the log as people read it. */
export function plainLine(line: string): string {
  if (!line.startsWith('{"@')) return line.trimEnd();
  let parsed: ReturnType<typeof uiLineSchema.safeParse>;
  try {
    parsed = uiLineSchema.safeParse(JSON.parse(line));
  } catch {
    // Cut off, or not what it seemed: shown as it is.
    return line;
  }
  if (!parsed.success) return line;
  const { '@message': message, diagnostic } = parsed.data;
  if (!diagnostic) return message;
  const detail = diagnostic.detail === '' ? '' : `\n${diagnostic.detail}`;
  return `${diagnostic.severity === 'error' ? 'Error' : 'Warning'}: ${diagnostic.summary}${detail}`;
}
