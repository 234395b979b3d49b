// Apollo Client with nothing but HTTP: https://www.apollographql.com/docs/react/data/subscriptions
import { ApolloLink, HttpLink } from '@apollo/client';
import { RetryLink } from '@apollo/client/link/retry';
import { over } from './apollo-client.js';
import { authorize, resume } from './apollo-links.js';
import { pauseMillis, type Example, type Token } from './example.js';

export function connect(server: URL, token: Token): Example {
  const link = ApolloLink.from([
    // Comes back when the connection broke and when caretaker ended it. What a query answers is no reason to.
    new RetryLink({ attempts: { max: Infinity }, delay: pauseMillis }),
    authorize(token),
    resume(),
    new HttpLink({ uri: new URL('graphql', server).href }),
  ]);
  return over(link, () => {});
}
