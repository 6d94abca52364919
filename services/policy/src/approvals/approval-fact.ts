import type { ApprovalFact } from '@slipway/core';
import type { ApprovalRow } from '../tables.js';

/** A row as the evaluator reads it. */
export function factOfApproval(row: ApprovalRow): ApprovalFact {
  return {
    version: row.versionId,
    environment: row.environment,
    by: row.by,
    groups: row.groups,
    verdict: row.verdict,
    at: row.at,
    ...(row.reason === undefined ? {} : { reason: row.reason }),
  };
}
