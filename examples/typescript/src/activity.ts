// The live feed, resumed where it broke off: after a lost connection, a restart of caretaker or of this program.
import { createClient, type Client } from 'graphql-ws';
import { WebSocket } from 'ws';
import { Refused, type Problem } from './ask.js';
import { graphql } from './generated/gql.js';
import type { ActivityFeedSubscription, ActivityFeedSubscriptionVariables } from './generated/graphql.js';

const ActivityFeed = graphql(`
  subscription ActivityFeed($after: String) {
    activity(after: $after) {
      cursor
      activity {
        id
        kind
        occurredAt
        building { name }
        incident { name state }
        task { reference status }
      }
    }
  }
`);

/** One step of the feed; without an `activity` it is a heartbeat, which only moves the cursor. */
export type Step = ActivityFeedSubscription['activity'];

/** A connection to the caretaker at `server` that comes back by itself. */
export function connect(server: URL): Client {
  const url = new URL('graphql/ws', server);
  url.protocol = server.protocol === 'https:' ? 'wss:' : 'ws:';
  return createClient({
    url: url.href,
    webSocketImpl: WebSocket, // browsers and Node.js 22 have their own
    retryAttempts: Infinity,
    shouldRetry: () => true, // also where nothing answers: what is fatal (4400, 4401, …) graphql-ws sorts out before
    retryWait: async (retries) => {
      const most = Math.min(100 * 2 ** retries, 5_000);
      await new Promise((resolve) => setTimeout(resolve, most * (0.5 + Math.random() / 2)));
    },
  });
}

/**
 * Gives every step of the feed after the cursor `after` (from now, if there is none) to `take`, in order, each once.
 * Ends when `signal` says so; fails when caretaker refuses, as with CURSOR_EXPIRED, or when `take` does.
 */
export function follow(
  client: Client,
  after: string | undefined,
  take: (step: Step) => void,
  signal: AbortSignal,
): Promise<void> {
  // graphql-ws sends this very object again when it has to reconnect: it must always hold the latest cursor. That is
  // why the cursor is moved here, where a step arrives, and not where some queue of steps is read.
  const variables: ActivityFeedSubscriptionVariables = { after: after ?? null };
  return new Promise((resolve, reject) => {
    const stop = client.subscribe<ActivityFeedSubscription>(
      { query: ActivityFeed.toString(), variables: variables as Record<string, unknown> },
      {
        next({ data, errors }) {
          try {
            if (errors) throw new Refused(errors as readonly Problem[]);
            if (!data) return;
            take(data.activity);
            variables.after = data.activity.cursor;
          } catch (error) {
            reject(error);
            stop();
          }
        },
        error: (cause) => reject(Array.isArray(cause) ? new Refused(cause) : cause),
        complete: resolve,
      },
    );
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
  });
}
