import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** One line that a host wrote itself when something was really installed on it. */
export interface Installation {
  host: string;
  service: string;
  version: string;
  job: string;
}

const LINE = /installed (\S+) (\S+) job (\S+)/;

/** What the hosts' own logs say was installed, in the order it was. */
export function readInstallations(hostsDirectory: string): Installation[] {
  if (!existsSync(hostsDirectory)) return [];
  return readdirSync(hostsDirectory).flatMap((host) => {
    const file = join(hostsDirectory, host, 'host.log');
    if (!existsSync(file)) return [];
    return readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line) => {
        const found = LINE.exec(line);
        return found ? [{ host, service: found[1] ?? '', version: found[2] ?? '', job: found[3] ?? '' }] : [];
      });
  });
}
