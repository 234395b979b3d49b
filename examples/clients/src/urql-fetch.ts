// urql with nothing but HTTP: `fetchSubscriptions`, over Server-Sent Events.
import { cacheExchange, Client, fetchExchange } from '@urql/core';
import {
  BOARD, BUILDINGS, FEED, pauseMillis,
  type BoardOf, type Buildings, type Example, type Feed, type Sink, type Token,
} from './example.js';

export function connect(server: URL, token: Token): Example {
  const client = new Client({
    url: new URL('graphql', server).href,
    fetchOptions: () => ({ headers: { authorization: `Bearer ${token()}` } }),
    fetchSubscriptions: true,
    exchanges: [cacheExchange, fetchExchange],
  });

  /** urql does not come back by itself: this does, with the variables as they are then. */
  function subscribe<Data, Variables extends object>(
    query: string,
    variables: () => Variables,
    sink: Sink<Data>,
  ): () => void {
    let retries = 0;
    let timer: ReturnType<typeof setTimeout>;
    let subscription = begin();
    function begin(): { unsubscribe(): void } {
      return client.subscription<Data, Variables>(query, variables()).subscribe(({ data, error, hasNext }) => {
        if (!error && hasNext) {
          retries = 0;
          if (data) sink.next(data);
          return;
        }
        // The connection is lost, or at its end (which is told with the last result once more).
        subscription.unsubscribe();
        const refusals = error?.graphQLErrors.filter(({ extensions }) => extensions['code'] !== 'UNAUTHENTICATED') ?? [];
        if (refusals.length > 0) return sink.error(error);
        timer = setTimeout(() => (subscription = begin()), pauseMillis((retries += 1)));
      });
    }
    return () => {
      clearTimeout(timer);
      subscription.unsubscribe();
    };
  }

  return {
    async buildings() {
      const { data, error } = await client.query<Buildings>(BUILDINGS, {});
      if (!data) throw error ?? new Error('no data');
      return data.buildings.nodes.map(({ id, name }) => ({ id, name }));
    },
    follow(after, sink) {
      let cursor = after;
      return subscribe<Feed, { after: string | null }>(FEED, () => ({ after: cursor }), {
        next({ activity }) {
          sink.next(activity);
          cursor = activity.cursor;
        },
        error: sink.error,
      });
    },
    board: (id, sink) =>
      subscribe<BoardOf, { id: string }>(BOARD, () => ({ id }), {
        next: (data) => sink.next(data.buildingBoard),
        error: sink.error,
      }),
    close: () => {},
  };
}
