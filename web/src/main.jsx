// The page: GraphiQL with the docs open and the examples in its tabs.
import './workers.js';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { createRoot } from 'react-dom/client';
import { examples } from './examples.js';
import { useEffect, useState } from 'react';
import { asksForToken, fetcher } from './fetcher.js';

createRoot(document.getElementById('graphiql')).render(
  <GraphiQL
    fetcher={fetcher}
    plugins={[HISTORY_PLUGIN]}
    referencePlugin={DOC_EXPLORER_PLUGIN}
    visiblePlugin={DOC_EXPLORER_PLUGIN}
    defaultTabs={examples}
    defaultQuery=""
    inputValueDeprecation
    schemaDescription
  >
    <GraphiQL.Logo>
      <span className="caretaker-logo">caretaker</span>
    </GraphiQL.Logo>
    <GraphiQL.Footer>
      <TokenNotice />
    </GraphiQL.Footer>
  </GraphiQL>,
);

/** Where a token goes, on a server that asks for one. */
function TokenNotice() {
  const [isAsked, setAsked] = useState(false);
  useEffect(() => {
    asksForToken().then(setAsked, () => {});
  }, []);
  if (!isAsked) return null;
  return (
    <p className="caretaker-token-notice">
      This server asks for a token. Under <b>Headers</b>, below the editor, enter{' '}
      <code>{'{"Authorization": "Bearer …"}'}</code> and fetch the schema again. Subscriptions use the same header.
    </p>
  );
}
