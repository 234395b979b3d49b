// How an operation leaves the page: queries by POST, subscriptions over the socket. Every address is
// relative to the page, so that it also works behind a proxy that adds a path.
import { createGraphiQLFetcher } from '@graphiql/toolkit';
import { parse } from 'graphql';
import { liveClient } from './live.js';

const api = new URL('graphql', document.baseURI);
const socket = new URL('graphql/ws', document.baseURI);
socket.protocol = socket.protocol === 'https:' ? 'wss:' : 'ws:';

// What the Headers editor says. A socket is closed when its last subscription ends, so the next one shows the new token.
let token;

const send = createGraphiQLFetcher({
  url: api.href,
  wsClient: liveClient(socket.href, () => token),
  enableIncrementalDelivery: false,
});

/** Sends what the editor shows. */
export function fetcher(request, options) {
  token = authorization(options?.headers);
  const documentAST = parsed(request.query);
  if (!documentAST) return send(request, options);
  // GraphiQL looks for the operation a moment after a change: run at once after a change of tabs,
  // it still names the last tab's.
  const names = documentAST.definitions
    .filter(({ kind }) => kind === 'OperationDefinition')
    .map(({ name }) => name?.value);
  const operationName = names.includes(request.operationName) ? request.operationName : names[0];
  return send({ ...request, operationName }, { ...options, documentAST });
}

/** Whether this server asks for a token. */
export async function asksForToken() {
  const headers = { 'content-type': 'application/json' };
  const body = JSON.stringify({ query: '{ __typename }' });
  const answer = await fetch(api, { method: 'POST', headers, body });
  return answer.status === 401;
}

function authorization(headers = {}) {
  const name = Object.keys(headers).find((name) => name.toLowerCase() === 'authorization');
  return name && headers[name];
}

function parsed(query) {
  try {
    return parse(query);
  } catch {
    return undefined; // the server says what is wrong with it
  }
}
