import { z } from 'zod';
import { durationSchema } from '../durations.js';

/** Provider `sleep`: waits, then gives `{ sleptMs }`. */
export const sleepProviderSchema = z.strictObject({ type: z.literal('sleep'), duration: durationSchema });
