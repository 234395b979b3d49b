// Subscriptions over graphql-transport-ws, resumed where they broke off.
import { createClient } from 'graphql-ws';

/** "Forbidden": no token, or one that is not or no longer good. Coming back with the same one changes nothing. */
const FORBIDDEN = 4403;

/**
 * A graphql-ws client whose subscriptions continue after the last cursor they saw. Whenever it connects, `token()` gives
 * what stands under Authorization.
 */
export function liveClient(url, token) {
  const client = createClient({
    url,
    connectionParams: () => (token() ? { Authorization: token() } : {}),
    retryAttempts: Infinity,
    shouldRetry: (event) => event?.code !== FORBIDDEN,
  });
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
