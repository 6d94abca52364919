import { existsSync, readFileSync } from 'node:fs';

/*
 * A shop with one environment: hosts, and deployments whose command appends one line per execution to a file, so that what really ran can be
 * counted afterwards.
 */

/** System `shop`, environment `production` and so many hosts. */
export function shop(hosts: number): object[] {
  return [
    { kind: 'System', name: 'shop' },
    { kind: 'Environment', name: 'production', system: 'shop', resources: 'resource.kind == "host"' },
    { kind: 'Resources', items: hostNames(hosts).map((identifier) => ({ identifier, type: 'host', metadata: {}, config: {} })) },
  ];
}

export function hostNames(count: number): string[] {
  return Array.from({ length: count }, (_, at) => `host-${String(at + 1).padStart(2, '0')}`);
}

/** A deployment to every host, run by a shell script in which CEL templates may stand; `more` overrides any field. */
export function deployment(name: string, script: string, more: object = {}, executor: object = {}): object {
  return {
    kind: 'Deployment',
    name,
    system: 'shop',
    resources: 'true',
    pool: 'par',
    executor: { type: 'command', run: ['sh', '-c', script], ...executor },
    ...more,
  };
}

/** A script that writes down that it ran, and takes a while. */
export function appends(file: string, seconds = 0): string {
  const line = 'echo "{{ version.tag }} {{ resource.identifier }}"';
  return `${line} >> ${file}${seconds > 0 ? `; sleep ${seconds}` : ''}`;
}

/** The lines that executions have written so far. */
export function executions(file: string): string[] {
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').filter(Boolean) : [];
}

/** What must stand in the file when this version ran once at each host. */
export function onceEach(tag: string, hosts: number): string[] {
  return hostNames(hosts).map((host) => `${tag} ${host}`);
}

/** Everything at once, any number of failures, nothing rolled back. */
export const atOnce = {
  kind: 'Policy',
  name: 'at-once',
  selector: 'true',
  rules: [{ gradualRollout: { allAtOnce: {}, failureBudget: '100%' } }],
};
