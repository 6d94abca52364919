import { execFile, type ExecFileException } from 'node:child_process';
import { firstOnPath } from '@slipway/runtime';
import { z } from 'zod';
import { Refused } from '../executor.js';

const USUAL = ['terraform', 'tofu'] as const;
/** From here on `plan` and `apply` have `-json`. */
const OLDEST = { major: 1, minor: 0 };
const VERSION_TIMEOUT_MS = 30_000;
const versionSchema = z.object({ terraform_version: z.string() });

/** The CLI by its setting, else `terraform`, else `tofu`, as the PATH has them; `terraform` where it has neither. */
export function programName(setting: string | undefined, searchPath: string): string {
  if (setting !== undefined) return setting;
  return firstOnPath(USUAL, searchPath) ?? USUAL[0];
}

/** Ask the program for its version. Throws `Refused` when it is not there, too old, or something else. */
export async function checkProgram(program: string, env: NodeJS.ProcessEnv, cwd: string): Promise<string> {
  const told = await new Promise<{ error: ExecFileException | null; stdout: string }>((resolve) => {
    execFile(program, ['version', '-json'], { env, cwd, timeout: VERSION_TIMEOUT_MS }, (error, stdout) => resolve({ error, stdout }));
  });
  if (told.error?.code === 'ENOENT')
    throw new Refused(`there is no ${program} on this agent; install Terraform or OpenTofu, or name the program in the field program`);
  const version = versionOf(told.stdout);
  if (version === undefined)
    throw new Refused(
      `${program} does not answer to "version -json" as Terraform 1.0 or newer does${told.error ? `: ${told.error.message}` : ''}`,
    );
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST.major || (major === OLDEST.major && minor < OLDEST.minor))
    throw new Refused(`${program} is version ${version}; ${OLDEST.major}.${OLDEST.minor} or newer is needed`);
  return version;
}

function versionOf(stdout: string): string | undefined {
  try {
    return versionSchema.parse(JSON.parse(stdout)).terraform_version;
  } catch {
    return undefined;
  }
}
