// Subscriptions over graphql-transport-ws, resumed where they broke off.
import { createClient } from 'graphql-ws';

/** A graphql-ws client whose subscriptions continue after the last cursor they saw. */
export function liveClient(url) {
  const client = createClient({ url, retryAttempts: Infinity, shouldRetry: () => true });
  return {
    ...client,
    subscribe(payload, sink) {
      const request = { ...payload, variables: { ...payload.variables } };
      const resumable = /\$after\b/.test(payload.query);
      return client.subscribe(request, {
        ...sink,
        next(result) {
          const cursor = cursorOf(result);
          // The client repeats a broken subscription with this same object.
          if (resumable && cursor) request.variables.after = cursor;
          sink.next(result);
        },
      });
    },
  };
}

function cursorOf(result) {
  return Object.values(result.data ?? {})
    .map((event) => event?.cursor)
    .find((cursor) => typeof cursor === 'string');
}
