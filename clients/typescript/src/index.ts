/** A client of a Flowgate server: its calls, with types, streams that survive a cut, waiting, verified webhooks. */

export type { components, operations, paths } from './schema.js';
export { ApiError, type Connection, createClient, type Problem } from './connection.js';
export { type Event, follow, type FollowOptions, type StartOptions, startAndFollow, type StartRun } from './streams.js';
export { type Run, waitFor, type WaitOptions } from './waiting.js';
export { verifyWebhook, WebhookVerificationError } from './webhooks.js';
