// What each of the examples shows, and what is asked: the same of all clients.

/** Gives the token as it is now; asked anew for each connection, so that a refused or ended one is replaced. */
export type Token = () => string;

/** Where results go. An error is the last that is told. */
export interface Sink<T> {
  next(value: T): void;
  error(cause: unknown): void;
}

/** One client, connected. */
export interface Example {
  /** A query. */
  buildings(): Promise<Building[]>;
  /**
   * Everything that happens after the cursor `after` (from now, if it is null), each once and in order, over every lost
   * connection and restart of the server. Gives what ends it.
   */
  follow(after: string | null, sink: Sink<Step>): () => void;
  /** One building as it stands, and again whenever that changed; null when it may not be seen. */
  board(id: string, sink: Sink<Board | null>): () => void;
  /** Lets go of all connections. */
  close(): void;
}

export interface Building {
  id: string;
  name: string;
}
export interface Buildings {
  buildings: { nodes: Building[] };
}
export const BUILDINGS = /* GraphQL */ `
  query Buildings {
    buildings(first: 100) {
      nodes { id name }
    }
  }
`;

/** One step of the feed; without an `activity` it is a heartbeat, which only moves the cursor. */
export interface Step {
  cursor: string;
  activity: { id: string; kind: string; building: Building | null } | null;
}
export interface Feed {
  activity: Step;
}
export const FEED = /* GraphQL */ `
  subscription Feed($after: String) {
    activity(after: $after) {
      cursor
      activity {
        id
        kind
        building { id name }
      }
    }
  }
`;

export interface Board extends Building {
  openIncidentCount: number;
  incidents: { totalCount: number };
}
export interface BoardOf {
  buildingBoard: Board | null;
}
export const BOARD = /* GraphQL */ `
  subscription BoardOf($id: ID!) {
    buildingBoard(id: $id) {
      id
      name
      openIncidentCount
      incidents { totalCount }
    }
  }
`;

/** Before it is tried for the `retries`th time to come back: longer and longer, and not all clients at once. */
export async function pause(retries: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, pauseMillis(retries)));
}

/** The same in milliseconds, at most five seconds. */
export function pauseMillis(retries: number): number {
  return Math.min(100 * 2 ** retries, 5_000) * (0.5 + Math.random() / 2);
}

/** Where the server's socket is. */
export function socketOf(server: URL): string {
  const url = new URL('graphql/ws', server);
  url.protocol = server.protocol === 'https:' ? 'wss:' : 'ws:';
  return url.href;
}
