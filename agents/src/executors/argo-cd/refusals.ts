import type { ArgoCdConfig } from '@slipway/contracts';
import { CODE, type ArgoCdError } from './api.js';

/** What Argo CD says of a Git or cluster server that it does not reach: not a matter of this config. */
const UNREACHED =
  /connection refused|connection reset|no such host|i\/o timeout|timed out|deadline exceeded|TLS handshake timeout|unavailable/i;

/** Whether asking again would bring the same: everything but what Argo CD itself does not reach just now. */
export const isSettledRefusal = (error: ArgoCdError): boolean => !UNREACHED.test(error.message);

/** Why nothing was begun, and what would be right. */
export function explainRefusal(error: ArgoCdError, { server, application, template, sourceChanges }: ArgoCdConfig): string {
  const { name, namespace, project } = application;
  const said = `Argo CD at ${server} says: ${error.message}`;
  const object = `${project}/${namespace === undefined ? '' : `${namespace}/`}${name}`;
  if (!error.fromArgoCd) return `${server} ${error.message}: is that the address of Argo CD's API server, without a path below it?`;
  if (error.code === CODE.unauthenticated) return `the token is not accepted: it is wrong, expired or was revoked (${said})`;
  if (error.code === CODE.notFound)
    return (
      `there is no Application ${name} in project ${project}, or the token may not see it; check name, namespace and project, or write a template ` +
      `so that it is created (${said})`
    );
  if (error.code === CODE.denied) {
    const actions = ['get', ...(template ? ['create'] : []), ...(template || sourceChanges ? ['update'] : []), 'sync'];
    return (
      `the token may not do this with ${object}; its role needs the actions ${actions.join(', ')} there (policy line ` +
      `"p, proj:${project}:<role>, applications, <action>, ${object}, allow"), and override where syncs to a revision want it (${said})`
    );
  }
  if (/auto-sync currently set to/.test(error.message))
    return `auto-sync is on, so only what the spec says can be synced; write the version as targetRevision under sourceChanges instead of revision (${said})`;
  return said;
}
