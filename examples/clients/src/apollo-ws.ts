// Apollo Client with graphql-ws for subscriptions and HTTP for the rest:
// https://www.apollographql.com/docs/react/data/subscriptions#websocket-setup
import { ApolloLink, HttpLink } from '@apollo/client';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { over } from './apollo-client.js';
import { authorize, resume } from './apollo-links.js';
import { pause, socketOf, type Example, type Token } from './example.js';

export function connect(server: URL, token: Token): Example {
  const socket = createClient({
    url: socketOf(server),
    webSocketImpl: WebSocket, // browsers and Node.js 22 have their own
    connectionParams: () => ({ authorization: `Bearer ${token()}` }), // asked again after 4403
    retryAttempts: Infinity,
    shouldRetry: () => true,
    retryWait: pause,
  });
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    resume().concat(new GraphQLWsLink(socket)),
    authorize(token).concat(new HttpLink({ uri: new URL('graphql', server).href })),
  );
  return over(link, () => void socket.dispose());
}
