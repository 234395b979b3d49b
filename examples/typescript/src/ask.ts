// One question and its answer over HTTP. The types of both come with the document.
import type { TypedDocumentString } from './generated/graphql.js';

/** What caretaker says of a request that it refuses; `code` is one of the schema's `ErrorCode`. */
export interface Problem {
  message: string;
  extensions?: { code?: string; requestId?: string };
}

/** A refused request. */
export class Refused extends Error {
  constructor(readonly problems: readonly Problem[]) {
    super(problems.map(({ message, extensions }) => `${extensions?.code ?? 'ERROR'}: ${message}`).join('\n'));
  }
}

/** Asks the caretaker at `server` (such as `http://127.0.0.1:8080`). */
export async function ask<Result, Variables>(
  server: URL,
  document: TypedDocumentString<Result, Variables>,
  variables: Variables,
): Promise<Result> {
  const response = await fetch(new URL('graphql', server), {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/graphql-response+json' },
    body: JSON.stringify({ query: document.toString(), variables }),
    signal: AbortSignal.timeout(30_000),
  });
  const answer = (await response.json()) as { data?: Result | null; errors?: Problem[]; detail?: string };
  if (answer.errors) throw new Refused(answer.errors);
  if (!answer.data) throw new Error(`HTTP ${response.status}: ${answer.detail ?? 'no data'}`);
  return answer.data;
}
