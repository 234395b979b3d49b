// PostGraphile 5 as its documentation says a production server is set up: the Amber preset, no watching, no GraphiQL,
// a pool of eight. The tags tell it what an activity is about, which no foreign key does.
import { createServer } from "node:http";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { makePgSmartTagsPlugin } from "postgraphile/utils";

const about = ["status_change", "note", "chase"];

const preset = {
  extends: [PostGraphileAmberPreset],
  plugins: [
    makePgSmartTagsPlugin([
      {
        kind: "class",
        match: ({ relname }) => relname === "activity",
        tags: { foreignKey: about.map((table) => `(subject_id) references ${table} (id)`) },
      },
    ]),
  ],
  pgServices: [
    makePgService({
      connectionString: process.env.DATABASE_URL,
      schemas: ["public"],
      poolConfig: { max: 8, min: 8 },
    }),
  ],
  grafast: { explain: false },
  grafserv: { graphqlPath: "/graphql", watch: false, graphiql: false, graphiqlOnGraphQLGET: false },
};

const instance = postgraphile(preset);
const server = createServer();
await instance.createServ(grafserv).addTo(server);
// What the schema has, for whoever writes a question.
if (process.env.PRINT_SCHEMA) {
  const { printSchema } = await import("graphql");
  process.stdout.write(printSchema(await instance.getSchema()));
  process.exit(0);
}
await instance.getSchema();
server.listen(Number(process.env.PORT), "127.0.0.1");
