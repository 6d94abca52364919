import { z } from 'zod';

/** What every service reads from its environment. */
export const hostConfigSchema = z.object({
  /** `nats://127.0.0.1:4222`; several with commas. */
  SLIPWAY_NATS_URL: z.string().transform((urls) => urls.split(',').map((url) => url.trim())),
  /** A credentials file; it is read again at every reconnect. */
  SLIPWAY_NATS_CREDS: z.string(),
  /** `postgresql://role:password@host:port/database`, the role of this service. */
  SLIPWAY_DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'must be like postgresql://role:password@host:port/database' }),
  /** Folder with `anchors.json`, by which signed requests are verified; of the registry also its signing keys. */
  SLIPWAY_TRUST: z.string(),
  SLIPWAY_LOG: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  SLIPWAY_LOG_FORMAT: z.enum(['json', 'pretty']).optional(),
});
export type HostConfig = z.output<typeof hostConfigSchema>;
